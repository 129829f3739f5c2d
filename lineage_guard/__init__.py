"""Lineage Guard: training on restricted model output does not run, and says why."""
