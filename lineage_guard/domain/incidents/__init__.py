"""Incidents: who is told of what, when it is over, and what a silent guard means."""
