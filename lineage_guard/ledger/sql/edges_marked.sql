-- The marks of all edges, in the same order.
SELECT indirect, conservative FROM edges
