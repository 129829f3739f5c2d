-- What verdicts were taken on.
SELECT DISTINCT namespace, name FROM verdicts
