-- What verdicts filed under one name state about the asset, oldest first; those that state nothing left out.
SELECT run, epoch_us("at") AS "at", ord, json_extract(facet, '$.asset') AS asset
FROM decisions
WHERE namespace = $namespace AND name = $name
    AND json_extract_string(facet, '$.target.namespace') = namespace
    AND json_extract_string(facet, '$.target.name') = name
    AND json_type(facet, '$.asset') = 'OBJECT'
ORDER BY "at", ord
