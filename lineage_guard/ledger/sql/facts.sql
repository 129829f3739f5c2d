-- What the wanted ids are as a whole.
SELECT p.id, p.completeness, p.artefact
FROM wanted w
JOIN productions p ON p.id = w.id
