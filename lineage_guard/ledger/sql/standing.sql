-- Every record, and again (odd) what is on record beside a plain one.
SELECT id, false AS odd FROM productions
UNION ALL SELECT id, true FROM productions WHERE completeness <> 'COMPLETE'
UNION ALL SELECT id, true FROM productions WHERE artefact IS NOT NULL
UNION ALL SELECT id, true FROM models
UNION ALL SELECT id, true FROM licenses
