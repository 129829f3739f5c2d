"""Why a version is stopped: the graph between it and what was found, and the explanation, both as judged now."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from lineage_guard.domain.errors import EventError
from lineage_guard.domain.facts import Version
from lineage_guard.domain.verdict.causes import stops
from lineage_guard.domain.verdict.explain import explain, headline
from lineage_guard.explaining import words
from lineage_guard.explaining.explanation import SHOWN, explained
from lineage_guard.openlineage.verdicts import verdict_of
from lineage_guard.report.comparing import compared
from lineage_guard.web.answers import recorded
from lineage_guard.web.answers.examined import Examined, examine
from lineage_guard.web.contents import CauseView, ChangeView, ExplanationView, Rules
from lineage_guard.web.graph import drawing
from lineage_guard.web.graph.drawn import PathGraph

if TYPE_CHECKING:
    from lineage_guard.domain.verdict.causes import Cause
    from lineage_guard.ledger import Ledger


def path_graph(
    ledger: Ledger, rules: Rules, version: Version, *, at: datetime, use: str | None, most: int
) -> PathGraph | None:
    """See ``questions.path_graph``."""
    found = examine(ledger, rules, version, at, use)
    return None if found is None else drawing.draw(found, most)


def explanation(
    ledger: Ledger, rules: Rules, version: Version, *, at: datetime, use: str | None, most: int | None
) -> ExplanationView | None:
    """See ``questions.explanation``."""
    found = examine(ledger, rules, version, at, use)
    if found is None:
        return None
    view, size = _judged(found, ledger), len(found.closure.reached)
    if most is None or size <= most:
        return _explained(found, view)
    # What stops nothing needs no way out.
    return replace(view, unsought=size) if found.verdict.stops else view


def _judged(found: Examined, ledger: Ledger) -> ExplanationView:
    """The verdict alone."""
    verdict = found.verdict
    differs, because = _differs(found, ledger)
    return ExplanationView(
        verdict=verdict,
        headline=headline(verdict),
        text=explain(verdict),
        differs=(*differs, *because),
        causes=(),
        heading="",
        changes=(),
        again=None,
        quarantines=(),
        commands=(),
        left=(),
        notes=tuple(found.notes),
    )


def _explained(found: Examined, view: ExplanationView) -> ExplanationView:
    """What would let it go beside."""
    request = found.request
    stopping = stops(found.closure, request.policy, request.waivers, request.use, request.at)
    told = explained(found.verdict, found.closure, stopping, found.ways, request, SHOWN)
    return replace(
        view,
        causes=tuple(map(_cause, told.causes)),
        heading=words.heading(told) if told.remedy.changes else "",
        changes=tuple(ChangeView(c.version, words.change_name(c), words.done(c)) for c in told.remedy.changes),
        again=words.again(told.remedy.again) if told.remedy.again else None,
        quarantines=tuple(f"{split.mixed}: {words.taken_out(split)}" for split in told.splits),
        commands=told.waivers,
        left=told.remedy.left,
    )


def _differs(found: Examined, ledger: Ledger) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if found.recorded is None:
        return (), ()
    try:
        return compared(verdict_of(recorded.facet_of(ledger, found.recorded)), found.verdict)
    except EventError:
        return ("the verdict on record cannot be understood",), ()


def _cause(cause: Cause) -> CauseView:
    return CauseView(
        finding=recorded.finding_view(cause.finding),
        subject=words.subject(cause),
        counted=words.counted(cause),
        paths=tuple(tuple(words.path_steps(cause, path)) for path in cause.paths),
        left_out=words.left_out(cause) if cause.left_out != 0 else None,
    )
