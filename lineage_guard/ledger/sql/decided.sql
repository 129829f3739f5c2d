-- The newest verdict of every run on every name that one is filed under.
SELECT namespace, name, run, epoch_us(max("at")) AS "at", max(ord) AS ord, arg_max(facet, ("at", ord)) AS facet
FROM decisions
GROUP BY namespace, name, run
