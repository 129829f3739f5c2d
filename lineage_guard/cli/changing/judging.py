"""Decides on every trained version by the rules in force and by those that are proposed, over one closure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from lineage_guard.cli.changing.rules import Rules
from lineage_guard.domain.errors import LineageGuardError
from lineage_guard.domain.facts import Production, Version
from lineage_guard.domain.lineage.closure import Closure, extend
from lineage_guard.domain.rules.assets import AssetFacts
from lineage_guard.domain.rules.terms import TRAIN_COMPETING
from lineage_guard.domain.verdict.decide import Verdict, decide
from lineage_guard.domain.verdict.shift import Shift, shift
from lineage_guard.explaining.cure import without_quarantined
from lineage_guard.ledger.asking.impact import matches
from lineage_guard.ledger.asking.judged_assets import judged_assets

if TYPE_CHECKING:
    from lineage_guard.ledger import Ledger
    from lineage_guard.ledger.asking.trained import Trained


@dataclass(frozen=True, slots=True)
class Pattern:
    """A model that is asked about.

    Attributes:
        provider: shell pattern.
        model: shell pattern.
    """

    provider: str
    model: str

    @classmethod
    def of(cls, text: str) -> Pattern:
        """Read ``PROVIDER/MODEL``, or ``MODEL`` of any provider.

        Example:
            >>> Pattern.of("openai/gpt-4o*"), Pattern.of("gpt-4o").provider
            (Pattern(provider='openai', model='gpt-4o*'), '*')
        """
        provider, slash, model = text.partition("/")
        return cls(provider, model) if slash else cls("*", text)

    def within(self, closure: Closure) -> bool:
        """Whether such a model, or one made from it, took part in a closure, or is in it as a public artefact."""
        for kind, indexes in closure.rows.kinds():
            if any(self._is(m.provider, m.model, m.base_models) for m in kind.models):
                return True
            public = not kind.recorded or kind.second_hand
            if public and any(self._is(v.namespace, v.name) for v in closure.rows.versions(indexes)):
                return True
        return False

    def _is(self, provider: str, model: str, bases: tuple[str, ...] = ()) -> bool:
        return matches(model, provider, bases, self.model, self.provider)


@dataclass(frozen=True, slots=True)
class Judged:
    """One trained version, by the rules in force and by the proposed ones.

    Attributes:
        version: the version.
        use: what it is for.
        assumed: whether nobody said what it is for.
        before: the verdict by the rules in force.
        after: the verdict by the proposed ones; the same when nothing is proposed.
        newest: whether no later version of the same partition was trained.
        recorded: the newest decision on record, as it was written.
    """

    version: Version
    use: str
    assumed: bool
    before: Verdict
    after: Verdict
    newest: bool
    recorded: str | None

    @property
    def shift(self) -> Shift:
        """How its verdict changes."""
        return shift(self.before, self.after)


@dataclass(frozen=True, slots=True)
class Unjudged:
    """A trained version that could not be judged, and why."""

    version: Version
    why: str


def judge_all(
    trained: tuple[Trained, ...],
    ledger: Ledger,
    rules: Mapping[str, tuple[Rules, Rules]],
    uses: Mapping[str, str],
    model: Pattern | None,
    at: datetime,
    step: Callable[[], None] = lambda: None,
) -> tuple[list[Judged], list[Unjudged], int]:
    """Judge every trained version, or those that a model is upstream of.

    Args:
        trained: them.
        ledger: holds what they were made from.
        rules: those in force and the proposed ones, by OpenLineage name.
        uses: what assets are for, as far as definitions say so.
        model: only versions that this is upstream of.
        at: the time of the verdicts (timezone-aware UTC).
        step: called after each version.

    Returns:
        Those that were judged, those that could not be, and how many the model is not upstream of.
    """
    made = ledger.productions([t.version for t in trained])
    newest = {v for name in {t.version[:2] for t in trained} for v in ledger.latest(*name)}
    facts = ledger.ask(lambda index, tail: judged_assets(index, tail, [t.version for t in trained]))
    judged: list[Judged] = []
    unjudged: list[Unjudged] = []
    apart = 0
    for each in trained:
        version = each.version
        try:
            use = uses.get(version.name) or each.use
            production = _target(version, made[version])
            said = _both(production, facts.get(version), ledger, rules[version.name], use or TRAIN_COMPETING, model, at)
            if said is None:
                apart += 1
            else:
                recorded = str(each.decision["decision"]) if each.decision else None
                judged.append(Judged(version, use or TRAIN_COMPETING, use is None, *said, version in newest, recorded))
        except Exception as error:  # noqa: BLE001  one version that cannot be judged must not hide the others
            known = isinstance(error, LineageGuardError)
            unjudged.append(Unjudged(version, str(error) if known else f"{type(error).__name__}: {error}"))
        step()
    return judged, unjudged, apart


def _target(version: Version, made: Production) -> Production:
    return replace(made, outputs=(version, *(v for v in made.outputs if v != version)))


def _both(
    target: Production,
    facts: AssetFacts | None,
    ledger: Ledger,
    rules: tuple[Rules, Rules],
    use: str,
    model: Pattern | None,
    at: datetime,
) -> tuple[Verdict, Verdict] | None:
    """The two verdicts; ``None`` when the model is not upstream."""
    closure = replace(ledger.closure(target), asset=facts)
    extended: dict[tuple[str, str], tuple[Closure, tuple[str, ...]]] = {}
    verdicts: dict[int, Verdict] = {}
    for each in rules:
        key = (each.policy.terms.digest, each.catalog.ancestry.digest)
        if key not in extended:
            rest, cures = without_quarantined(closure, target, ledger, each.policy.terms)
            extended[key] = extend(rest, each.catalog.ancestry), tuple(map(str, cures))
        if id(each) not in verdicts:
            upstream, cures = extended[key]
            verdict = decide(upstream, each.policy, each.waivers, use, at)
            verdicts[id(each)] = replace(verdict, cures=cures)
    if model is not None and not any(model.within(upstream) for upstream, _ in extended.values()):
        return None
    return verdicts[id(rules[0])], verdicts[id(rules[1])]
