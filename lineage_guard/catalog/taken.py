"""Own catalog entries by which terms that ship with the package bind no longer.

The more exact pattern of a model id wins. So an agreement that forgets to say that it holds only where it is
named would speak for everybody, and whoever wrote it must be told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, cast

from lineage_guard.catalog.documents import Document
from lineage_guard.catalog.entries import RESELLER, Entry, entries_of
from lineage_guard.catalog.match import CatalogTerms
from lineage_guard.domain.facts import ModelSource
from lineage_guard.domain.rules.terms import Terms


class Taken(NamedTuple):
    """An entry that takes the place of shipped ones, and permits more.

    Attributes:
        where: file, line and column.
        what: what it is.
        fix: what to do.
    """

    where: str
    what: str
    fix: str


def taken_over(document: Document, own: CatalogTerms, shipped: Iterable[Entry]) -> Iterator[Taken]:
    """The entries of a file that take the place of shipped ones and permit more.

    Args:
        document: an own catalog file that follows its schema.
        own: all terms, those of the file included.
        shipped: the entries that ship with the package.
    """
    alone = CatalogTerms(shipped)
    rows = cast("list[Mapping[str, Any]]", document.value.get("terms", []))
    for i, (row, entry) in enumerate(zip(rows, entries_of(document), strict=True)):
        if entry.only_when_named or entry.terms.kind == RESELLER:
            continue
        provider = min(entry.providers, default="")
        for j, text in enumerate(cast("list[str]", row["models"])):
            model = text.replace("*", "")
            asked = (ModelSource(provider, model, channel=c.text.replace("*", "")) for c in entry.channels)
            for m in asked if model else ():
                after = own.resolve(m, None).layers
                lost = [t.id for t in alone.resolve(m, None).layers if t not in after and _permits_more(entry.terms, t)]
                if lost and entry.terms in after:
                    what = f"{entry.terms.id}: for {text} through {m.channel} it takes the place of {', '.join(lost)}"
                    fix = "if it is an agreement of yours, say only_when_named: true; if a newer text, the same series"
                    yield Taken(document.place(("terms", i, "models", j)), what, f"{fix} and the same models")
                    break


def _permits_more(mine: Terms, theirs: Terms) -> bool:
    return any(mine.effect_on(use) < effect for use, effect in theirs.effects.items())
