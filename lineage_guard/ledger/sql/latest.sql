-- Recorded versions of one dataset with the time and record of each.
SELECT v.partition, v.run, epoch_us(max(p.produced_at)) AS produced_at, max(p.record) AS record
FROM versions v
JOIN productions p ON p.id = v.id
WHERE v.namespace = $namespace AND v.name = $name
GROUP BY v.partition, v.run
