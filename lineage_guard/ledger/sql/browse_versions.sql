-- A page of versions of every kind, newest first, after one row.
WITH page AS (
    SELECT *
    FROM asked_for($text, $namespace, $name, $partition)
    WHERE $at IS NULL OR age < $at OR (age = $at AND (head > $head OR (head = $head AND mark > $mark)))
    ORDER BY age DESC, head, mark
    LIMIT $limit
)
SELECT namespace, name, "partition", run, kind_of(namespace, name, run, $namespaces, $names, $declared) AS kind,
    "at", recorded, head, mark
FROM page
ORDER BY age DESC, head, mark
