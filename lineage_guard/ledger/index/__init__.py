"""The index: Parquet files over the log, the tail they do not cover yet, and both read as one world."""
