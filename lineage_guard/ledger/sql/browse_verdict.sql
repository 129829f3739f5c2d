-- The newest verdict on one version, or of one partition when no run is given.
SELECT "at", run, mark, ord, namespace, name, "partition", target_run, parent, decision, stops, enforced, "mode", "use",
    policy, findings, rule, reason, effect, what, message, waivers
FROM verdicts
WHERE namespace = $namespace AND name = $name
    AND CASE WHEN $run::VARCHAR IS NULL THEN "partition" IS NOT DISTINCT FROM $partition ELSE run = $run END
ORDER BY "at" DESC, ord DESC
LIMIT 1
