-- Versions of our own runs and of other producers, each once.
CREATE OR REPLACE VIEW every_version AS
SELECT coalesce(o.mark, f.mark) AS mark, coalesce(o."at", f."at") AS "at",
    coalesce(o.recorded, false) OR coalesce(f.recorded, false) AS recorded,
    coalesce(o.namespace, f.namespace) AS namespace, coalesce(o.name, f.name) AS name,
    CASE WHEN o.mark IS NULL THEN f."partition" ELSE o."partition" END AS "partition",
    CASE WHEN o.mark IS NULL THEN f.run ELSE o.run END AS run,
    coalesce(o.searched, f.searched) AS searched
FROM versions o FULL JOIN foreign_versions f ON o.mark = f.mark
