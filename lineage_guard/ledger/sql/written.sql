-- Versions that runs wrote under some names, with the latest time of each.
SELECT v.namespace, v.name, v.partition, v.run, epoch_us(max(p.produced_at)) AS produced_at
FROM versions v
JOIN productions p ON p.id = v.id
SEMI JOIN (SELECT unnest($namespaces::VARCHAR[]) AS namespace, unnest($names::VARCHAR[]) AS name) w
  ON w.namespace = v.namespace AND w.name = v.name
WHERE v.run IS NOT NULL AND NOT starts_with(v.run, $declared)
GROUP BY v.namespace, v.name, v.partition, v.run
