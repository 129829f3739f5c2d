"""Attested rows: the result of a rows suite, bound to exactly one version, and what a gate makes of it.

A suite says something about the rows that were there when it ran. Only an attestation says
which version of the lineage they were, so only an attestation counts at the gate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from lineage_guard.domain.facts import Influence, Version
from lineage_guard.domain.lineage.closure import Closure
from lineage_guard.domain.lineage.reached import Reached
from lineage_guard.domain.rules.policy import Policy, ReasonCode
from lineage_guard.domain.rules.terms import Effect
from lineage_guard.domain.rules.waivers import Waivers
from lineage_guard.domain.verdict.decide import Finding
from lineage_guard.domain.verdict.evidence import Evidence


class Demand(NamedTuple):
    """Rows evidence that every version of an asset must have before anything may learn from it.

    Attributes:
        namespace: OpenLineage namespace of the asset.
        name: OpenLineage name of the asset.
        check: name of its asset check.
        suite: name of the suite.
        suite_digest: ``sha256:`` of the suite as the check runs it now.
        location: code location that defines the check; empty where there is but one.
    """

    namespace: str
    name: str
    check: str
    suite: str
    suite_digest: str
    location: str = ""


@dataclass(frozen=True, slots=True)
class Attestation:
    """Evidence that was gathered on the rows of exactly one version.

    Attributes:
        version: the version whose rows were there when the suite ran.
        check: the asset check that ran it.
        evidence: the result.
    """

    version: Version
    check: str
    evidence: Evidence


#: Finds or gathers the attestation of a version; ``None`` when there is none and none can be had.
Attested = Callable[[Demand, Version], Attestation | None]
#: Whether an attestation that is missing can still come, and its absence is no news.
Waits = Callable[[Demand, Version], bool]


def findings_on_rows(
    closure: Closure,
    policy: Policy,
    use: str,
    waivers: Waivers,
    at: datetime,
    demands: Iterable[Demand],
    attested: Attested,
    waits: Waits = lambda demand, version: False,
) -> tuple[Finding, ...]:
    """What rows evidence adds to a verdict: one finding for each version that lacks a passing one.

    Args:
        closure: what the step would learn from.
        policy: says whether INDIRECT influence counts.
        use: what the step is for.
        waivers: accepted risks, by rule ``rows:<check>``.
        at: the time, timezone-aware UTC.
        demands: which assets must have evidence.
        attested: finds it.
        waits: never, where something is about to train.
    """
    return tuple(_findings(closure, policy, use, waivers, at, demands, attested, waits))


def _findings(
    closure: Closure,
    policy: Policy,
    use: str,
    waivers: Waivers,
    at: datetime,
    demands: Iterable[Demand],
    attested: Attested,
    waits: Waits,
) -> Iterator[Finding]:
    by_name: dict[tuple[str, str], list[Demand]] = {}
    for demand in sorted(set(demands)):
        by_name.setdefault((demand.namespace, demand.name), []).append(demand)
    rows = closure.rows
    # The target is about to be written: its own check comes after it.
    indexes = [i for i in rows.named(by_name) if i > 0] if by_name else []
    for index, reached in zip(indexes, rows.take(indexes), strict=True):
        if reached.influence is Influence.INDIRECT and not policy.counts_indirect:
            continue
        for demand in by_name[reached.version[:2]]:
            found = attested(demand, reached.version)
            if wrong := wrong_with(demand, reached.version, found):
                if wrong[0] is ReasonCode.EXPECTATIONS_NOT_RUN and waits(demand, reached.version):
                    continue
                rule = f"rows:{demand.check}"
                by = (w.id for w in waivers if w.covers(rule, closure.target, None, use, at, reached.version))
                waiver = next(by, None)
                yield _finding(demand, reached, closure.path(index), *wrong, waiver)


def wrong_with(demand: Demand, version: Version, found: Attestation | None) -> tuple[ReasonCode, str] | None:
    """Why an attestation does not do; ``None`` when it does.

    Args:
        demand: what is asked for.
        version: of which version.
        found: what there is.
    """
    not_run = ReasonCode.EXPECTATIONS_NOT_RUN
    if found is None:
        return not_run, f"has not been run on the rows of {version}"
    if (found.version, found.check) != (version, demand.check):
        return not_run, f"was run on {found.version}, and {version} is what would be read"
    evidence = found.evidence
    if evidence.suite_digest != demand.suite_digest:
        return not_run, f"was run on {version} before the suite was changed"
    if evidence.passes:
        return None
    if evidence.not_run:
        return not_run, f"could not be run on the rows of {version}: {evidence.not_run}"
    said = "; ".join(map(str, evidence.failures))
    return ReasonCode.EXPECTATIONS_FAILED, f"failed on the rows of {version}: {said.strip()}"


def _finding(
    demand: Demand,
    reached: Reached,
    path: tuple[Version, ...],
    reason: ReasonCode,
    what: str,
    waiver: str | None,
) -> Finding:
    if reason is ReasonCode.EXPECTATIONS_FAILED:
        fix = (
            f"Read the result of check {demand.check!r} on {demand.name}; mend the rows or their declaration, or take "
            "the rows out with lineage_guard.quarantine(...), and make what was built on them again."
        )
    else:
        fix = (
            f"Run check {demand.check!r} on {demand.name} while its newest version is the one that is read. An older "
            f"version is no longer there to be checked: materialize {demand.name} and what is built on it again."
        )
    return Finding(
        rule=f"rows:{demand.check}",
        reason=reason,
        effect=Effect.BLOCK,
        message=f"Expectation suite {demand.suite!r} of asset {demand.name} {what}.",
        fix=fix,
        subject=reached.version,
        path=path,
        influence=reached.influence,
        pin=reached.pin,
        waived_by=waiver,
    )
