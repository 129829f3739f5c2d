-- Models used to make the wanted ids, each different one once, with its places (id, record, ord).
SELECT m.provider, m.model, m.version, m.channel, m.usage, m.influence, m.license, m.terms, m.purl, m.digest,
       m.base_models, m.fields, m.partitions, m.record_count, epoch_us(m.generated_at) AS generated_at, m.asserted_by,
       list([m.id, m.record, m.ord]) AS places
FROM wanted w
JOIN models m ON m.id = w.id
GROUP BY ALL
