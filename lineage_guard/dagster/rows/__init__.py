"""Rows: suites as asset checks, their evidence bound to versions, and tables split by the provenance of their rows.

Reading order: ``suite_check`` (what runs and what is filed), ``found`` (which checks a deployment
has), ``evidence`` (what the gate asks), ``show`` (what Dagster shows).
"""
