"""Whether what a long-lived process answers from is still the ledger that lies there.

A handle keeps what it has read, and reads on from there. When the folder is taken away, or another ledger is put in
its place, there is nothing to read on: without looking, it would go on saying what was so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage_guard.domain.errors import LedgerError
from lineage_guard.ledger.archive.log import Log

if TYPE_CHECKING:
    from lineage_guard.ledger import Ledger


def still_there(ledger: Ledger) -> None:
    """Look whether the last batch that was read is still there, and still the one it was.

    Args:
        ledger: a handle.

    Raises:
        LedgerError: it is not, or the ledger cannot be read.

    Example:
        >>> import tempfile
        >>> from lineage_guard.ledger import open_ledger
        >>> still_there(open_ledger(tempfile.mkdtemp()))
    """
    number, _, chain = ledger.watermark().partition(":")
    if Log(ledger.archive).chain_of(int(number)) != chain:
        raise LedgerError(
            "another ledger is in the place of the one that was read",
            where=ledger.location,
            fix="put the right one back, or start this process again",
        )
