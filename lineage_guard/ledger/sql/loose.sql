-- Versions without a run under some names, and those that only a declaration speaks of.
SELECT v.namespace, v.name, v.partition, v.run
FROM versions v
SEMI JOIN (SELECT unnest($namespaces::VARCHAR[]) AS namespace, unnest($names::VARCHAR[]) AS name) w
  ON w.namespace = v.namespace AND w.name = v.name
WHERE v.run IS NULL OR starts_with(v.run, $declared)
