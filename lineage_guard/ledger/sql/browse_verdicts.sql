-- A page of verdicts, newest first, after one row.
SELECT "at", run, mark, ord, namespace, name, "partition", target_run, parent, decision, stops, enforced, "mode", "use",
    policy, findings, rule, reason, effect, what, message, waivers
FROM verdicts
WHERE contains(searched, lower($text))
    AND ($decision IS NULL OR coalesce(decision, '') = $decision)
    AND ($namespace IS NULL OR (namespace = $namespace AND name = $name))
    AND ($at IS NULL OR "at" < $at OR ("at" = $at AND (run < $run OR (run = $run AND mark < $mark))))
ORDER BY "at" DESC, run DESC, mark DESC
LIMIT $limit
