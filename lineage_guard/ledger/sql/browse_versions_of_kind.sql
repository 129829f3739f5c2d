-- A page of versions of one kind, newest first, after one row.
SELECT namespace, name, "partition", run, kind, "at", recorded, head, mark
FROM asked_for_with_kind($text, $namespace, $name, $partition, $namespaces, $names, $declared)
WHERE kind = $kind
    AND ($at IS NULL OR age < $at OR (age = $at AND (head > $head OR (head = $head AND mark > $mark))))
ORDER BY age DESC, head, mark
LIMIT $limit
