"""What is downstream of a version or of a model, a page at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage_guard.domain.errors import ConfigError
from lineage_guard.domain.facts import Version
from lineage_guard.ledger.asking.affected import ENDS, Hit, affected
from lineage_guard.web.answers.listing import cursor, place_of
from lineage_guard.web.contents import ImpactRow, Page

if TYPE_CHECKING:
    from lineage_guard.ledger import Ledger
    from lineage_guard.ledger.index.index import Index
    from lineage_guard.ledger.index.tail import Tail


def impact(
    ledger: Ledger, *, version: Version | None, model: str | None, provider: str, after: str | None, limit: int
) -> Page[ImpactRow]:
    """See ``questions.impact``."""
    if version is None and model is None:
        raise ConfigError("nothing is asked about", where="impact", fix="name a version or a model")
    starts = [version] if version is not None else []
    place = None if after is None else _place(after)

    def ask(index: Index, tail: Tail) -> tuple[list[Hit], int]:
        judged = ledger.browsing.judged(index, tail)
        return affected(index, tail, starts, model, provider, judged, place, limit + 1)

    hits, total = ledger.ask(ask)
    shown = hits[:limit]
    last = shown[-1] if len(hits) > limit else None
    onward = cursor(last.age, str(last.mark[0]), str(last.mark[1])) if last else None
    return Page(tuple(map(_row, shown)), onward, total)


def _row(hit: Hit) -> ImpactRow:
    steps = [str(v) for v in hit.way]
    if hit.between:
        steps = [*steps[:ENDS], f"({hit.between:,} more)", *steps[ENDS:]]
    return ImpactRow(hit.version, hit.trained, hit.influence, hit.pin, hit.depth, tuple(steps))


def _place(after: str) -> tuple[int, tuple[int, int]]:
    age, high, low = place_of(after)
    try:
        found = int(high), int(low)
    except ValueError as error:
        raise ConfigError("this is no place in the list", where="after", fix="begin with the first page") from error
    if not all(-(1 << 63) <= half < 1 << 63 for half in found):
        raise ConfigError("this is no place in the list", where="after", fix="begin with the first page")
    return age, found
