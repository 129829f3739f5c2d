"""Verdict: what the rules make of a lineage, the words for it, and the way out."""
