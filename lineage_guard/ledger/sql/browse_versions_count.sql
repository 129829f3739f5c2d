-- How many versions of every kind are listed on all pages.
SELECT count(*) FROM asked_for($text, $namespace, $name, $partition)
