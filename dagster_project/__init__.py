"""A Dagster deployment as a user would write it, guarded by one line in ``definitions``."""
