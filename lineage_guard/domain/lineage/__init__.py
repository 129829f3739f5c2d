"""Lineage: everything upstream of a step, every way to it, and what takes some of it out."""
