-- Records of the versions of one dataset with the time and number of each.
SELECT v.partition, v.run, epoch_us(p.produced_at) AS produced_at, p.record
FROM versions v
JOIN productions p ON p.id = v.id
WHERE v.namespace = $namespace AND v.name = $name
