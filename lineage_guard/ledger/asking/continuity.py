"""Whether a ledger is still the one that somebody knew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage_guard.ledger.archive.log import Log

if TYPE_CHECKING:
    from lineage_guard.ledger.ledger import Ledger


def holds(ledger: Ledger, watermark: str) -> bool:
    """Whether a ledger holds all that one held when it gave a watermark.

    The digest in a watermark is chained through every batch before, and neither compaction, packing nor retention
    changes it; so one batch, asked for by its number, answers for all of them. A ledger that was deleted and made anew,
    or restored from an older copy, has no such batch, or another one.

    Args:
        ledger: as it is now.
        watermark: what ``Ledger.watermark`` said then.

    Raises:
        LedgerError: when the batch is there and cannot be read.

    Example:
        >>> import tempfile
        >>> from lineage_guard.ledger import open_ledger
        >>> ledger = open_ledger(tempfile.mkdtemp())
        >>> holds(ledger, ledger.watermark()), holds(ledger, "1:sha256:00")
        (True, False)
    """
    batch, _, chain = watermark.partition(":")
    return Log(ledger.archive).holds(int(batch), chain)
