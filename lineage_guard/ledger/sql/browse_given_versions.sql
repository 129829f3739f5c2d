-- Versions that were given, in the order of the log, as rows of their own kind: each once.
SELECT md5(concat(namespace, chr(31), name, chr(31), '+' || "partition", chr(31), '+' || run)) AS mark,
    arg_min("at", place) AS "at", bool_or(recorded) AS recorded,
    any_value(namespace) AS namespace, any_value(name) AS name, any_value("partition") AS "partition", any_value(run) AS run,
    any_value(lower(concat(namespace, ':', name, '[' || "partition" || ']', '@' || run, chr(10) || '@' || right(run, 8)))) AS searched
FROM given
GROUP BY mark
