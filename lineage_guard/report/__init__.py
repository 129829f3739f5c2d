"""The audit report: what a trained version was made from, under which terms, and what was decided, as of a date.

``compile_report`` makes it from one state of the ledger (``ledger.past``); ``render`` writes it as JSON, HTML,
CycloneDX or SPDX, the same bytes for the same state and arguments; ``signing`` signs them. docs/report.md says
what each part means.
"""
