"""Readers: files of the synthetic-data world become facts, each with the line it was read from.

A Hugging Face dataset or model card, a distilabel pipeline file, a NeMo Data Designer config. Files that a user
gives; nothing is looked up on a network, and nothing a file says makes a record COMPLETE: see ``facts``.
"""

from lineage_guard.readers.facts import Facts as Facts
from lineage_guard.readers.facts import Found as Found
from lineage_guard.readers.read import read as read
