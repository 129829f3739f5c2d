-- The newest verdicts filed under one name.
SELECT run, epoch_us("at") AS "at", ord, facet
FROM decisions
WHERE namespace = $namespace AND name = $name
ORDER BY "at" DESC, ord DESC
LIMIT $limit
