"""How many events there are, by the lines of the log alone."""

from __future__ import annotations

from lineage_guard.domain.errors import LedgerError
from lineage_guard.ledger.archive.archive import Archive
from lineage_guard.ledger.archive.log import Log


def events_after(archive: Archive, position: str | None) -> int:
    """How many events come after a position of ``Ledger.events``; none of them is parsed.

    Args:
        archive: of the ledger.
        position: of the last event that is done with; ``None`` counts all.

    Raises:
        LedgerError: when a batch cannot be read, or the position is none of this ledger's.

    Example:
        >>> import tempfile
        >>> from lineage_guard.ledger import open_ledger
        >>> events_after(open_ledger(tempfile.mkdtemp()).archive, None)
        0
    """
    batch, _, line = (position or "0:0").partition(":")
    if not (batch.isdecimal() and line.isdecimal()):
        raise LedgerError(f"{position!r} is not a position in a ledger", fix="start again from the first event (None)")
    done = (int(batch), int(line))
    log = Log(archive)
    before = max(done[0], 1) - 1
    batches = log.after(before, log.chain_of(before))
    return sum(bool(text) and (b.seq, n) > done for b in batches for n, text in enumerate(b.lines, 1))
