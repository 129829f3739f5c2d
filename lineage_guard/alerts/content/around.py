"""What lies around an incident: how much is downstream of its cause, what is new upstream, and the run it was seen in.

Asked of the ledger once per message, bounded, and fail soft: an alert without it says less, one that
waits for it says nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from lineage_guard.domain.facts import Production, Version
from lineage_guard.domain.incidents.incident import Event, IncidentKind, Notice
from lineage_guard.domain.verdict.decide import Finding, Verdict

if TYPE_CHECKING:
    from lineage_guard.ledger.asking.impact import Impact

#: Versions that are named one by one when they are counted, messages that are looked at in one call,
#: seconds after which no further one is begun, steps of a path that are looked up.
ROWS, MESSAGES, SECONDS, PATH = 20_000, 5, 5.0, 200
_log = logging.getLogger("lineage_guard.alerts")


class Asked(Protocol):
    """The questions that are put to the ledger."""

    def impact(self, versions: Iterable[Version] = (), model: str | None = None, provider: str = "*") -> Impact:
        """Everything downstream."""
        ...

    def productions(self, versions: Iterable[Version]) -> dict[Version, Production]:
        """What is on record of some versions."""
        ...

    def decisions(self, namespace: str, name: str, limit: int = 20) -> list[dict[str, Any]]:
        """Verdicts on one asset, newest first."""
        ...


@dataclass(frozen=True)
class Around:
    """What lies around one incident; what is not known is empty.

    Attributes:
        versions: how many versions hold the cause or were made from what does.
        assets: how many datasets that are.
        trained: how many of the versions were trained.
        training: how many training assets those are of.
        more: whether ``assets``, ``trained`` and ``training`` were counted on a part only.
        fresh: versions on the path that were made since the target last passed, the newest last.
        run: Dagster run of the newest verdict on record.
        rebuild: the smallest set of versions to be made again.
    """

    versions: int = 0
    assets: int = 0
    trained: int = 0
    training: int = 0
    more: bool = False
    fresh: tuple[tuple[Version, datetime], ...] = ()
    run: str | None = None
    rebuild: tuple[Version, ...] = ()


@dataclass(frozen=True)
class Neighbourhood:
    """Whom to ask what lies around an incident.

    Attributes:
        ledger: the ledger.
        training: names of training assets.
        rebuild: the smallest set of versions that a verdict's target needs made again; ``None`` when
            nobody knows.
        clock: monotonic seconds.
    """

    ledger: Asked
    training: Collection[str] = ()
    rebuild: Callable[[Verdict], tuple[Version, ...]] | None = None
    clock: Callable[[], float] = time.monotonic

    def around(self, notices: Iterable[Notice]) -> Mapping[str, Around]:
        """What lies around some incidents, by the id of their notice. Never raises.

        Args:
            notices: what is about to be told; only what begins or widens is looked at, pages first.
        """
        found: dict[str, Around] = {}
        end = self.clock() + SECONDS
        begins = [n for n in notices if n.event is not Event.RESOLVE and n.incident.kind is IncidentKind.BLOCKED]
        for notice in sorted(begins, key=lambda n: not n.page)[:MESSAGES]:
            if self.clock() >= end:
                break
            if notice.finding is not None and notice.verdict is not None:
                found[notice.id] = self._of(notice, notice.finding, notice.verdict)
        return found

    def _of(self, notice: Notice, finding: Finding, verdict: Verdict) -> Around:
        target = verdict.target
        counted = _softly(lambda: self._counted(finding), Around())
        return Around(
            versions=counted.versions,
            assets=counted.assets,
            trained=counted.trained,
            training=counted.training,
            more=counted.more,
            fresh=_softly(lambda: self._fresh(finding, notice.passed_at), ()),
            run=_softly(lambda: self._run(target), None),
            rebuild=_softly(lambda: self.rebuild(verdict) if self.rebuild else (), ()),
        )

    def _counted(self, finding: Finding) -> Around:
        if finding.model is not None:
            # The ledger takes shell patterns; an id that holds one of their signs means itself.
            impact = self.ledger.impact(model=_literal(finding.model.model), provider=_literal(finding.model.provider))
        else:
            impact = self.ledger.impact([finding.subject])
        named = impact.reached[:ROWS]
        trained = [a.version for a in named if a.version.name in self.training and a.version.run]
        return Around(
            versions=len(impact.reached),
            assets=len({a.version[:2] for a in named}),
            trained=len(trained),
            training=len({v[:2] for v in trained}),
            more=len(impact.reached) > ROWS,
        )

    def _fresh(self, finding: Finding, passed_at: datetime | None) -> tuple[tuple[Version, datetime], ...]:
        if passed_at is None:
            return ()
        made = self.ledger.productions(finding.path[1:][:PATH])
        dated = [(v, p.produced_at) for v, p in made.items() if p.produced_at is not None]
        return tuple(sorted(((v, at) for v, at in dated if at > passed_at), key=lambda each: (each[1], each[0].name)))

    def _run(self, target: Version) -> str | None:
        for decision in self.ledger.decisions(target.namespace, target.name, 1):
            run = decision.get("parentRunId")
            return str(run) if run else None
        return None


def _softly(ask: Callable[[], Any], otherwise: Any) -> Any:
    try:
        return ask()
    except Exception as error:  # noqa: BLE001  a page that says less is better than none
        _log.warning("an alert says less than it could: %s: %s", type(error).__name__, error)
        return otherwise


def _literal(text: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in text)
