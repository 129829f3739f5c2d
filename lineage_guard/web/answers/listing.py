"""Lists of verdicts and versions, with cursors that mean nothing to whoever hands them back."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar, cast

from lineage_guard.domain.errors import ConfigError
from lineage_guard.domain.verdict.decide import Decision
from lineage_guard.domain.verdict.explain import outcome_of
from lineage_guard.domain.verdict.modes import Mode
from lineage_guard.domain.verdict.runs import DECLARED
from lineage_guard.web.contents import Cause, Page, VerdictRow, VersionKind, VersionRow

if TYPE_CHECKING:
    from lineage_guard.catalog import Catalog
    from lineage_guard.ledger import Ledger
    from lineage_guard.ledger.asking.listed import ListedVerdict

_R = TypeVar("_R")


def verdicts(
    ledger: Ledger,
    *,
    text: str,
    decision: Decision | None,
    asset: tuple[str, str] | None,
    after: str | None,
    limit: int,
) -> Page[VerdictRow]:
    """See ``questions.verdicts``."""
    place = None if after is None else place_of(after)
    rows, total = ledger.ask(
        lambda index, tail: ledger.browsing.verdicts(
            index,
            tail,
            text=_searchable(text),
            decision=decision.value if decision else None,
            asset=asset,
            after=place,
            limit=limit + 1,
        )
    )
    shown, onward = _cut(rows, limit, lambda row: (row.age, row.run, row.mark))
    return Page(tuple(map(row_of, shown)), onward, total)


def counts(ledger: Ledger, *, text: str) -> Mapping[Decision | None, int]:
    """See ``questions.counts``."""
    found = ledger.ask(lambda index, tail: ledger.browsing.counts(index, tail, _searchable(text)))
    return {Decision(said) if said else None: count for said, count in found.items()}


def versions(
    ledger: Ledger,
    *,
    text: str,
    kind: VersionKind | None,
    asset: tuple[str, str] | None,
    partition: str | None,
    catalog: Catalog | None,
    after: str | None,
    limit: int,
) -> Page[VersionRow]:
    """See ``questions.versions``."""
    place = None if after is None else place_of(after)
    artefacts = catalog.ancestry.artefacts if catalog else ()
    rows, total = ledger.ask(
        lambda index, tail: ledger.browsing.versions(
            index,
            tail,
            text=_searchable(text),
            kind=kind.value if kind else None,
            asset=asset,
            partition=partition,
            models=(a.version[:2] for a in artefacts if a.type == "model"),
            declared=DECLARED,
            after=place,
            limit=limit + 1,
        )
    )
    shown, onward = _cut(rows, limit, lambda row: (row.age, row.head, row.mark))
    return Page(tuple(VersionRow(r.version, VersionKind(r.kind), r.at, r.recorded) for r in shown), onward, total)


def row_of(listed: ListedVerdict) -> VerdictRow:
    """A verdict on record as a row."""
    decision = Decision(listed.decision) if listed.decision else None
    # A mode that is not known is not taken for one that stops nothing.
    mode = Mode(listed.mode) if listed.mode in set(Mode) else Mode.ENFORCE
    first = None
    if listed.findings:
        said = (listed.rule, listed.reason, listed.effect, listed.what, listed.message)
        first = Cause(*(each or "" for each in said))
    return VerdictRow(
        target=listed.target,
        run=listed.run,
        parent_run=listed.parent,
        at=listed.at,
        decision=decision,
        outcome=outcome_of(decision, listed.stops, mode) if decision else "cannot be understood",
        stops=listed.stops,
        enforced=listed.enforced,
        mode=mode,
        use=listed.use or "",
        policy=listed.policy or "",
        findings=listed.findings,
        first=first,
        waivers=listed.waivers,
        problem=None if decision else "the facet of the event is not a verdict that this release can read",
    )


def cursor(age: int, name: str, mark: str) -> str:
    """A place in a list as text that can stand in a URL.

    Args:
        age: what the list is sorted by.
        name: what rows of the same age are sorted by.
        mark: tells the rest apart.
    """
    return base64.urlsafe_b64encode(json.dumps([age, name, mark]).encode()).decode().rstrip("=")


def place_of(after: str) -> tuple[int, str, str]:
    """The inverse of ``cursor``.

    Raises:
        ConfigError: when it is not one.
    """
    try:
        text = base64.b64decode(after + "=" * (-len(after) % 4), b"-_", validate=True)
        found = cast("object", json.loads(text))
    except (ValueError, RecursionError):
        found = None
    match found:
        case [int(age), str(name), str(mark)] if -(1 << 63) <= age < 1 << 63 and _is_text(name + mark):
            return age, name, mark
        case _:
            raise ConfigError("this is no place in the list", where="after", fix="begin again with the first page")


def _cut(rows: list[_R], limit: int, place: Callable[[_R], tuple[int, str, str]]) -> tuple[list[_R], str | None]:
    """The rows of one page, and the cursor of the next when there is one: a row more than fits was asked for."""
    shown = rows[:limit]
    return shown, cursor(*place(shown[-1])) if len(rows) > limit else None


def _searchable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _is_text(text: str) -> bool:
    """Whether there is no half of a surrogate pair in it, which no database takes."""
    return not any("\ud800" <= c <= "\udfff" for c in text)
