-- Whether any edge is marked; where none is, the files' own statistics say so.
SELECT EXISTS (SELECT 1 FROM edges WHERE indirect), EXISTS (SELECT 1 FROM edges WHERE conservative)
