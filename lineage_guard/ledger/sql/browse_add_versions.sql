-- Versions that were given join those that are there: a time that is known stays.
MERGE INTO versions old USING given_versions new ON old.mark = new.mark
WHEN MATCHED THEN UPDATE SET "at" = coalesce(old."at", new."at"), recorded = old.recorded OR new.recorded
WHEN NOT MATCHED THEN INSERT (mark, "at", recorded, namespace, name, "partition", run, searched)
    VALUES (new.mark, new."at", new.recorded, new.namespace, new.name, new."partition", new.run, new.searched)
