-- What the wanted ids are as a whole, oldest record first.
SELECT p.id, p.record, p.completeness, p.artefact, epoch_us(p.produced_at)
FROM wanted w
JOIN productions p ON p.id = w.id
ORDER BY p.id, p.record
