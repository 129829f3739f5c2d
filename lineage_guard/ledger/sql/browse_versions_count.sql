-- How many versions of every kind are listed on all pages.
SELECT count(*) FROM every_version WHERE contains(searched, lower($text))
    AND ($namespace IS NULL OR (namespace = $namespace AND name = $name))
    AND ($partition IS NULL OR "partition" = $partition)
