-- Which of the wanted events (hi, lo) the index already holds.
SELECT w.hi, w.lo
FROM (SELECT unnest($his::BIGINT[]) AS hi, unnest($los::BIGINT[]) AS lo) w
SEMI JOIN events e ON e.hi = w.hi AND e.lo = w.lo
