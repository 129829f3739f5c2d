-- How many versions of every kind are listed on all pages.
SELECT count(*) FROM every_version WHERE contains(searched, lower($text))
