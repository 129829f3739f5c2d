-- Every model on record, once for each set of models that it is said to be made from.
SELECT DISTINCT provider, model, base_models
FROM models
