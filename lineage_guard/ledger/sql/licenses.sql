-- Own licences of the wanted ids.
SELECT l.id, l.record, l.expression, l.acknowledgement, l.applies_to, l.url, l.terms_version, l.effective_from,
       l.text_digest, l.restrictions, l.obligations
FROM wanted w
JOIN licenses l ON l.id = w.id
ORDER BY l.id, l.record, l.ord
