-- Own licences of the wanted ids, each different one once, with its places (id, record, ord).
SELECT l.expression, l.acknowledgement, l.applies_to, l.url, l.terms_version, l.effective_from, l.text_digest,
       l.restrictions, l.obligations, list([l.id, l.record, l.ord]) AS places
FROM wanted w
JOIN licenses l ON l.id = w.id
GROUP BY ALL
