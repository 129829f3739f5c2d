"""Expectation suites: loaded so that nothing can go missing, run on DuckDB, reported as evidence.

Reading order: ``suites`` (the JSON files), ``run`` (Great Expectations), ``evidence`` (from
the one to the other, whatever happens), ``lineage`` and ``rows`` (what is run on).
"""
