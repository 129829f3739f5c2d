"""Asking: what is answered from index and tail: closures, impact, lists, the past."""
