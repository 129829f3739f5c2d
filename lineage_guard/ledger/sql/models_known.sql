-- Every model on record, once.
SELECT DISTINCT provider, model
FROM models
