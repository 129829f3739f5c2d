-- Versions with more on record than that they are complete; models and licences need not be asked for record by record.
SELECT id, true AS asks FROM productions WHERE completeness <> 'COMPLETE'
UNION ALL SELECT id, true FROM productions WHERE artefact IS NOT NULL
UNION ALL SELECT id, false FROM models
UNION ALL SELECT id, false FROM licenses
