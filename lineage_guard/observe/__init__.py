"""Observe: which model really answered, noticed without the author's help.

Response recorders, OpenTelemetry GenAI spans and the egress watch live here. Nothing is imported until an
asset asks for it.
"""
