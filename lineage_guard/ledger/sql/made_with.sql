-- Versions made with one model.
SELECT DISTINCT id
FROM models
WHERE provider = $provider AND model = $model
ORDER BY id
