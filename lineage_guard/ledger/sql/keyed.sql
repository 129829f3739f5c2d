-- The key of every version.
SELECT hi, lo, id FROM keys
