-- How many verdicts there are of each kind, and how long steps waited for them, by bucket. One verdict is filed under
-- every name and version that its step writes, and counted once.
WITH fields AS (
    SELECT json_extract_string(facet, [
        '$.decision', '$.policy.name', '$.use', '$.mode', '$.durationMs', '$.evaluatedAt',
        '$.target.namespace', '$.target.name', '$.target.partition', '$.target.run'
    ]) AS f
    FROM decisions
), once AS (
    SELECT DISTINCT
        f[1] AS decision, f[2] AS policy, f[3] AS "use", coalesce(f[4], 'enforce') AS mode,
        try_cast(f[5] AS DOUBLE) / 1000 AS seconds, f[6], f[7], f[8], f[9], f[10]
    FROM fields
), bucketed AS (
    SELECT *, len(list_filter($bounds::DOUBLE[], lambda b: b < seconds)) AS bucket FROM once
)
SELECT decision, policy, "use", mode, CASE WHEN seconds IS NULL THEN NULL ELSE bucket END AS bucket,
    count(*) AS n, coalesce(sum(seconds), 0) AS seconds
FROM bucketed
GROUP BY ALL
