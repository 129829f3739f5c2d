-- All versions written by the wanted records.
SELECT p.record, p.id
FROM wanted w
JOIN productions p ON p.record = w.record
ORDER BY p.record, p.pos
