-- Ids of all versions of some datasets.
SELECT v.id
FROM versions v
SEMI JOIN (SELECT unnest($namespaces::VARCHAR[]) AS namespace, unnest($names::VARCHAR[]) AS name) w
  ON w.namespace = v.namespace AND w.name = v.name
