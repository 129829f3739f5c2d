-- Models used to make the wanted ids.
SELECT m.id, m.record, m.provider, m.model, m.version, m.channel, m.usage, m.influence, m.license, m.terms, m.purl,
       m.digest, m.base_models, m.fields, m.partitions, m.record_count, epoch_us(m.generated_at), m.asserted_by
FROM wanted w
JOIN models m ON m.id = w.id
ORDER BY m.id, m.record, m.ord
