-- What is on record of the wanted ids, oldest first.
SELECT p.id, p.record, epoch_us(p.produced_at), p.completeness, p.asserted_by, p.artefact, p.note
FROM wanted w
JOIN productions p ON p.id = w.id
ORDER BY p.id, p.record
