"""The ledger: an append-only archive of OpenLineage events, and an index that answers from it.

``open_ledger`` gives a handle; docs/ledger.md describes what is on disk and what is promised.
"""

from lineage_guard.ledger.asking.answers import ANY, Appended, Checked
from lineage_guard.ledger.ledger import Ledger, open_ledger

__all__ = ["ANY", "Appended", "Checked", "Ledger", "open_ledger"]
