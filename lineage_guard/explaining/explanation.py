"""What is explained beside the verdict: the ways to each cause, the smallest change, splits and waivers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from shlex import quote
from typing import TYPE_CHECKING, Protocol

from lineage_guard.domain.errors import ConfigError
from lineage_guard.domain.lineage.ways import Edge, Ways, ways_of
from lineage_guard.domain.verdict.causes import Cause, Stop, causes, stops
from lineage_guard.domain.verdict.offers import Split, splits
from lineage_guard.domain.verdict.remedy import Remedy, remedy

if TYPE_CHECKING:
    from datetime import datetime

    from lineage_guard.catalog import Catalog
    from lineage_guard.domain.lineage.closure import Closure
    from lineage_guard.domain.rules.policy import Policy
    from lineage_guard.domain.rules.waivers import Waivers
    from lineage_guard.domain.verdict.decide import Verdict
    from lineage_guard.explaining.answering import Answer
    from lineage_guard.ledger import Ledger

#: Paths of one finding unless told otherwise, and what ``--all`` may print at most.
SHOWN, MOST = 5, 100_000


class Question(Protocol):
    """What an answer was asked by."""

    @property
    def policy(self) -> Policy:
        """Rules and terms."""
        ...

    @property
    def waivers(self) -> Waivers:
        """Accepted risks."""
        ...

    @property
    def use(self) -> str:
        """What the step is for."""
        ...

    @property
    def at(self) -> datetime:
        """The time of the question."""
        ...


@dataclass(frozen=True, slots=True)
class Explanation:
    """What follows from a verdict that stops a step.

    Attributes:
        causes: the findings that stop it, with the ways to them.
        remedy: the smallest set of versions to be changed.
        splits: where rows could be quarantined instead.
        waivers: the commands that ask for waivers instead.
        cured: whether quarantines took something out already: then a way may lead through one, and the smallest
            set is one that surely does, not surely the smallest.
    """

    causes: tuple[Cause, ...]
    remedy: Remedy
    splits: tuple[Split, ...]
    waivers: tuple[str, ...]
    cured: bool


def explanation_of(
    answer: Answer, question: Question, ledger: Ledger, catalog: Catalog, most: int | None
) -> Explanation:
    """Explain an answer.

    Args:
        answer: the answer.
        question: what was asked.
        ledger: what it was answered from.
        catalog: public ancestry.
        most: paths to spell out for each finding; ``None`` for all.

    Raises:
        ConfigError: all are asked for, and there are more than can be written down.
        LedgerError: the ledger cannot be read.
    """
    closure = answer.closure
    found = stops(closure, question.policy, question.waivers, question.use, question.at)
    ways = ways_of(closure, _edges(answer, ledger), catalog.ancestry) if found else Ways(len(closure.reached), ())
    return explained(answer.verdict, closure, found, ways, question, most)


def explained(
    verdict: Verdict, closure: Closure, found: Sequence[Stop], ways: Ways, question: Question, most: int | None
) -> Explanation:
    """Explain a verdict whose ways are known already.

    Args:
        verdict: the verdict.
        closure: what was decided on.
        found: what stops the step, of ``causes.stops``.
        ways: all ways in the closure.
        question: what was asked.
        most: paths to spell out for each finding; ``None`` for all.

    Raises:
        ConfigError: all are asked for, and there are more than can be written down.
    """
    told = causes(verdict, found, closure, ways, SHOWN if most is None else most)
    if most is None:
        told = _every(told, verdict, lambda n: causes(verdict, found, closure, ways, n))
    return Explanation(
        told,
        remedy(verdict, found, closure, ways, question.policy, question.waivers),
        splits(found, closure, ways),
        tuple(_waivers(verdict, [s.judged.ruling.rule.id for s in found])),
        bool(verdict.cures),
    )


def _every(told: tuple[Cause, ...], verdict: Verdict, again: Callable[[int], tuple[Cause, ...]]) -> tuple[Cause, ...]:
    most = max((MOST + 1 if c.total is None else c.total for c in told), default=0)
    found = told if most > MOST and None not in {c.total for c in told} else again(min(most, MOST))
    if any(c.left_out != 0 for c in found):
        raise ConfigError(
            f"there are more than {MOST:,} paths to one of the causes, too many to write down",
            where=str(verdict.target),
            fix="name a number with --paths; the shortest come first",
        )
    return found


def _edges(answer: Answer, ledger: Ledger) -> Iterator[Edge]:
    """The edges of the ledger by places in the closure that was decided on."""
    closure: Closure = answer.closure
    seen, edges = ledger.graph(answer.target)
    if seen.watermark == closure.watermark:
        yield from edges
        return
    # Something was written since; what the answer does not know takes no part in explaining it.
    names = seen.rows.versions(range(len(seen.rows)))
    place = closure.rows.find(names)
    for child, parent, direct in edges:
        if names[child] in place and names[parent] in place:
            yield Edge(place[names[child]], place[names[parent]], direct)


def _waivers(verdict: Verdict, rules: list[str]) -> Iterator[str]:
    target = verdict.target
    partition = f" --partition {quote(target.partition)}" if target.partition is not None else ""
    for rule in dict.fromkeys(rules):
        scope = f"--rule {quote(rule)} --use {quote(verdict.use)}{partition}"
        yield f"lineage-guard waive request {quote(target.name)} --by YOU {scope}"


def spelt(path: tuple[object, ...], most: int = 12) -> list[object]:
    """A path with what is in the middle of a very long one counted instead of named."""
    if len(path) <= most:
        return list(path)
    half = most // 2
    return [*path[:half], f"({len(path) - 2 * half:,} more)", *path[-half:]]
