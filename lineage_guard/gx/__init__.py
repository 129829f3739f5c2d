"""Expectation suites: loaded so that nothing can go missing, run on DuckDB, reported as evidence.

Reading order: ``suites`` (the JSON files), ``run`` (Great Expectations), ``evidence`` (from
the one to the other, whatever happens), ``lineage`` and ``rows`` (what is run on).

Expectations of our own are in ``expectations/``, which only a running suite imports; what they decide
is in ``permitted`` (sources of rows) and in ``phrases/``, ``matching`` and ``scan`` (models that name
themselves in text).
"""
