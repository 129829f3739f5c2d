"""How models name themselves in what they write: the catalog of phrases, and how a phrase is read.

Reading order: ``catalog`` (the YAML file), ``wording`` (a phrase as a regular expression),
``mentions`` (who is quoted does not speak).
"""

from lineage_guard.gx.phrases.catalog import ANY, Phrase, Phrases, Provider, load_phrases

__all__ = ["ANY", "Phrase", "Phrases", "Provider", "load_phrases"]
