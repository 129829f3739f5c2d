-- Whether the newest verdict of every run on one name stops.
SELECT run, epoch_us(max("at")) AS "at", coalesce(json_extract_string(arg_max(facet, ("at", ord)), '$.stops') = 'true', false)
FROM decisions
WHERE namespace = $namespace AND name = $name
GROUP BY run
