-- How many versions of one kind are listed on all pages.
WITH listed AS (
    SELECT *, coalesce("at", -9223372036854775808) AS age, left(name, 64) AS head,
        CASE
            WHEN (namespace, name) IN (SELECT (unnest($namespaces::VARCHAR[]), unnest($names::VARCHAR[]))) THEN 'model'
            WHEN run IS NULL OR starts_with(run, $declared) THEN 'source'
            WHEN (namespace, name) IN (SELECT (namespace, name) FROM verdicts) THEN 'trained'
            ELSE 'dataset'
        END AS kind
    FROM every_version
    WHERE contains(searched, lower($text))
    AND ($namespace IS NULL OR (namespace = $namespace AND name = $name))
    AND ($partition IS NULL OR "partition" = $partition)
)
SELECT count(*) FROM listed WHERE kind = $kind
