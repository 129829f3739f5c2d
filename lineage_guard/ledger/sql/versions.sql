-- Names of the wanted ids.
SELECT v.id, v.namespace, v.name, v.partition, v.run
FROM wanted w
JOIN versions v ON v.id = w.id
