"""The only code that imports Dagster: declare, collect, guard, sensor, checks."""
