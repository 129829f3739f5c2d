-- How many versions of one kind are listed on all pages.
SELECT count(*)
FROM asked_for_with_kind($text, $namespace, $name, $partition, $namespaces, $names, $declared)
WHERE kind = $kind
