-- What the wanted ids were made from.
SELECT e.child, e.record, e.indirect, e.conservative, e.parent
FROM wanted w
JOIN edges e ON e.child = w.id
ORDER BY e.child, e.record, e.ord
