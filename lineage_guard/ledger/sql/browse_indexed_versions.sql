-- Every version of the index, with the time that its first record states.
INSERT INTO versions
SELECT md5(concat(v.namespace, chr(31), v.name, chr(31), '+' || v."partition", chr(31), '+' || v.run)),
    epoch_us(p."at"), p.id IS NOT NULL, v.namespace, v.name, v."partition", v.run,
    lower(concat(v.namespace, ':', v.name, '[' || v."partition" || ']', '@' || v.run, chr(10) || '@' || right(v.run, 8)))
FROM indexed_versions v
LEFT JOIN (
    SELECT id, arg_min(produced_at, record) AS "at" FROM indexed_productions GROUP BY id
) p ON p.id = v.id
