"""Synthetic tables on the engines that hold them: one suite, one verdict, wherever the rows are.

Reading order: ``table`` (what every engine can say of rows), ``normalise`` (how provenance
columns are read, once for all engines), then ``duckdb``, ``frames``, ``spark`` and ``postgres``.
"""
