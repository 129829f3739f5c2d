"""A version judged now: its closure with every edge, the verdict on it, and everything that any rule speaks of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, cached_property
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from lineage_guard.domain.facts import Influence, Pin, Version
from lineage_guard.domain.lineage.closure import Ancestry, Closure, public_inputs
from lineage_guard.domain.lineage.overlay import Overlay
from lineage_guard.domain.lineage.ways import Edge, Ways
from lineage_guard.domain.rules.terms import TRAIN_COMPETING, Effect
from lineage_guard.domain.verdict.decide import Verdict, decide
from lineage_guard.domain.verdict.judging import Judged, judge
from lineage_guard.domain.verdict.modes import Mode
from lineage_guard.explaining.answering import Request, extended, of_rows
from lineage_guard.ledger.asking.closing import between
from lineage_guard.ledger.asking.judged_assets import judged_assets
from lineage_guard.ledger.index.graph import Between
from lineage_guard.ledger.index.state import mark
from lineage_guard.web.answers import recorded

if TYPE_CHECKING:
    from lineage_guard.domain.rules.waivers import Waivers
    from lineage_guard.ledger import Ledger
    from lineage_guard.ledger.asking.listed import ListedVerdict
    from lineage_guard.web.contents import Rules


#: What was examined last, by handle.
_LAST: WeakKeyDictionary[Ledger, tuple[object, Examined | None]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Examined:
    """A version, judged by given rules.

    Attributes:
        request: what was asked.
        closure: everything upstream, public ancestry included.
        edges: of the ledger, by places in the closure.
        verdict: the verdict, without the lineage suite, which only restates it.
        rules: what was judged by.
        made: whether the version was made; else its run was stopped, or failed.
        recorded: the newest verdict on record.
    """

    request: Request
    closure: Closure
    edges: Between
    verdict: Verdict
    rules: Rules
    made: bool
    recorded: ListedVerdict | None

    @cached_property
    def judged(self) -> tuple[Judged, ...]:
        """Everything in the closure that is not allowed outright."""
        every = judge(self.closure, self.request.policy, self.request.use)
        return tuple(judged for judged in every if judged.ruling.effect is not Effect.ALLOW)

    @cached_property
    def links(self) -> Between:
        """All edges: of the ledger, of public ancestry, and those by which the closure came to what it holds."""
        rows = self.closure.rows
        more = list(_public_edges(rows, self.rules.catalog.ancestry)) if isinstance(rows, Overlay) else []
        child, parent, indirect, conservative = zip(*more, strict=True) if more else ((), (), (), ())
        return Between(
            np.concatenate([self.edges.child, np.array(child, dtype=np.int64)]),
            np.concatenate([self.edges.parent, np.array(parent, dtype=np.int64)]),
            np.concatenate([self.edges.indirect, np.array(indirect, dtype=np.bool_)]),
            np.concatenate([self.edges.conservative, np.array(conservative, dtype=np.bool_)]),
        )

    @cached_property
    def ways(self) -> Ways:
        """All ways in the closure; what ``ways_of`` says, from columns."""
        found = self.links
        edges = map(Edge, found.child.tolist(), found.parent.tolist(), (~found.indirect).tolist())
        return Ways(len(self.closure.reached), edges)

    @property
    def notes(self) -> Sequence[str]:
        """What a reader must know of how this was reached."""
        told: list[str] = []
        if not self.made:
            told.append("This version was never made: what is judged is what its run was about to read.")
        if self.recorded is None:
            told.append(f"No verdict on it is on record: {self.request.use} is assumed.")
        told.append("The lineage suite is not run for this page; `lineage-guard check` runs it.")
        return told


def examine(ledger: Ledger, rules: Rules, version: Version, at: datetime, use: str | None) -> Examined | None:
    """Judge a version; ``None`` when nothing is on record of its making.

    Args:
        ledger: the ledger.
        rules: what is judged by.
        version: the version.
        at: the time (timezone-aware UTC).
        use: what it is for; ``None`` for what the newest verdict on it says.

    Raises:
        LedgerError: the ledger cannot be read.
        SuiteError: there is a quarantine, and the rows suite cannot be loaded.
        WaiverError: the waivers cannot be read.
    """
    # A page asks twice: for the graph and for the explanation.
    key = (ledger.watermark(), version, at, use, id(rules), _waivers(rules))
    last = _LAST.get(ledger)
    if last is not None and last[0] == key and (last[1] is None or last[1].rules is rules):
        return last[1]
    found = _examined(ledger, rules, version, at, use)
    _LAST[ledger] = (key, found)
    return found


def _examined(ledger: Ledger, rules: Rules, version: Version, at: datetime, use: str | None) -> Examined | None:
    target, made = recorded.made(ledger, version)
    if target is None:
        return None
    said = recorded.newest(ledger, version)
    mode = Mode(said.mode) if said and said.mode in set(Mode) else Mode.ENFORCE
    meant = use or (said.use if said and said.use else TRAIN_COMPETING)
    facts = ledger.ask(lambda index, tail: judged_assets(index, tail, [version])).get(version)
    request = Request(target, meant, rules.policy, at, _waivers(rules), mode=mode, asset=facts)
    seen, edges = ledger.ask(lambda index, tail: between(target, index, tail, mark(tail)))
    closure, cures = extended(seen, target, ledger, rules.policy.terms, rules.catalog.ancestry)
    closure = replace(closure, asset=facts)
    verdict = decide(closure, request.policy, request.waivers, request.use, at)
    verdict = replace(verdict, mode=mode, cures=tuple(map(str, cures))).joined(of_rows(closure, request, ledger))
    return Examined(request, closure, edges, verdict, rules, made, said)


def _public_edges(rows: Overlay, ancestry: Ancestry) -> Iterator[tuple[int, int, bool, bool]]:
    """The edges of rows that the catalog says something of; others have theirs in the ledger."""
    known, version_of = ancestry.productions(), cache(ancestry.version_of)
    loaded = rows.loaded()
    said = [(n, list(public_inputs(r, known, version_of))) for n, r in loaded]
    place = rows.find({each.version for _, inputs in said for each in inputs})
    for n, r in loaded:
        if r.toward >= 0:
            yield r.toward, n, r.influence is Influence.INDIRECT, r.pin is Pin.CONSERVATIVE
    for n, inputs in said:
        for each in inputs:
            if each.version in place and place[each.version] != n:
                indirect, conservative = each.influence is Influence.INDIRECT, each.pin is Pin.CONSERVATIVE
                yield n, place[each.version], indirect, conservative


def _waivers(rules: Rules) -> Waivers:
    if rules.waivers is None:
        return ()
    from lineage_guard.catalog import load_waivers

    return load_waivers(rules.waivers)
