-- The whole graph of one part; the files are sorted by child, record and ord.
SELECT child, parent, indirect, conservative
FROM read_parquet($file)
