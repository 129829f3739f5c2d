-- How many verdicts are listed on all pages.
SELECT count(*)
FROM verdicts
WHERE contains(searched, lower($text))
    AND ($decision IS NULL OR coalesce(decision, '') = $decision)
    AND ($namespace IS NULL OR (namespace = $namespace AND name = $name))
