"""What the assets work with: model endpoints, DuckDB tables, a training launcher."""
