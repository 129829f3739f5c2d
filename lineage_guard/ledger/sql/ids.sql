-- Ids of the wanted version keys; n is the place in the question.
SELECT w.n, k.id
FROM wanted w
JOIN keys k ON k.hi = w.hi AND k.lo = w.lo
