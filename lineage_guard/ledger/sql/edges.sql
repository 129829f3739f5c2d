-- The whole graph, part by part; each file is sorted by child, record and ord.
SELECT child, parent FROM edges
