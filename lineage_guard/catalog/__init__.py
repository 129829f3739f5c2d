"""What is known of models' terms and of public data's ancestry, and the policy files over it."""

from lineage_guard.catalog.ancestry import CatalogAncestry, Edge, PublicArtefact, Relation
from lineage_guard.catalog.entries import Entry
from lineage_guard.catalog.load import DISCLAIMER, Catalog, check_shipped, load_catalog
from lineage_guard.catalog.match import CatalogTerms
from lineage_guard.catalog.policy_file import PRESETS, load_policy
from lineage_guard.catalog.waiver_file import load_waivers

__all__ = [
    "DISCLAIMER",
    "PRESETS",
    "Catalog",
    "CatalogAncestry",
    "CatalogTerms",
    "Edge",
    "Entry",
    "PublicArtefact",
    "Relation",
    "check_shipped",
    "load_catalog",
    "load_policy",
    "load_waivers",
]
