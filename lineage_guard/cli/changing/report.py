"""What a change of rules does to what was trained, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lineage_guard.cli.changing.judging import Judged, Unjudged
from lineage_guard.cli.verdicts import verdict_json
from lineage_guard.domain.facts import Version
from lineage_guard.domain.grammar import plural
from lineage_guard.domain.verdict.decide import Decision, Verdict
from lineage_guard.domain.verdict.explain import path_text, plain
from lineage_guard.domain.verdict.shift import STRICTNESS, Shift, news
from lineage_guard.openlineage.codec import version_json

if TYPE_CHECKING:
    from lineage_guard.cli.changing.rules import Rules

_SHOWN = 20


@dataclass(frozen=True)
class Carrying:
    """A version that was made from a trained one: a deployment, an evaluation, a model distilled from it.

    Attributes:
        version: the version.
        made_from: the trained version.
    """

    version: Version
    made_from: Version


@dataclass(frozen=True)
class Report:
    """The answer.

    Attributes:
        proposes: whether other rules are proposed; without, the verdicts in force are listed.
        model: the model that is asked about, as it was written.
        rules: name and digest of policy and catalog, in force and proposed, by name of the policy in force.
        judged: trained versions that were judged.
        unjudged: those that could not be.
        apart: how many the model is not upstream of.
        unfinished: verdicts on record after which nothing was written.
        downstream: what was made from versions whose verdict changes or, when nothing is proposed, that are stopped.
        reached: how many (versions, datasets, partitions) are downstream of the model, trained or not.
        notes: what a reader should know.
    """

    proposes: bool
    model: str | None
    rules: Sequence[tuple[Rules, Rules]]
    judged: Sequence[Judged]
    unjudged: Sequence[Unjudged]
    apart: int
    unfinished: int
    downstream: Sequence[Carrying]
    reached: tuple[int, int, int] | None
    notes: Sequence[str]

    @property
    def exit_code(self) -> int:
        """1 when something becomes stricter (nothing proposed: is blocked), 2 when not all is known, else 0."""
        if self.proposes:
            stricter = any(j.shift is Shift.STRICTER for j in self.judged)
            return 1 if stricter else 2 if self.unjudged else 0
        worst = max((STRICTNESS.index(j.before.decision) for j in self.judged), default=0)
        if worst == STRICTNESS.index(Decision.BLOCK):
            return 1
        return 2 if self.unjudged or worst == STRICTNESS.index(Decision.UNKNOWN) else 0

    @property
    def shown(self) -> list[Judged]:
        """Those that change, stricter ones first; all of them when nothing is proposed, the strictest first."""
        if not self.proposes:
            return sorted(self.judged, key=lambda j: -STRICTNESS.index(j.before.decision))
        order = (Shift.STRICTER, Shift.LOOSER, Shift.REASONS)
        return [j for s in order for j in self.judged if j.shift is s]


def lines(report: Report) -> Iterator[str]:
    """The report as text, line by line."""
    shown = report.shown
    if report.proposes:
        count = {s: sum(j.shift is s for j in report.judged) for s in Shift}
        yield (
            f"{amount(len(report.judged), 'trained version')} judged: {count[Shift.STRICTER]:,} become stricter, "
            f"{count[Shift.LOOSER]:,} looser, {count[Shift.REASONS]:,} are judged the same for other reasons, "
            f"{count[Shift.NONE]:,} as before."
        )
        changed = [j for j in shown if j.shift in (Shift.STRICTER, Shift.LOOSER)]
        if changed:
            assets, partitions = _places(changed)
            newest = sum(j.newest for j in changed)
            yield (
                f"Changed: {amount(assets, 'asset')}, {amount(partitions, 'partition')}; newest of theirs: {newest:,}; "
                f"made from them: {amount(len(report.downstream), 'version')}."
            )
    else:
        by = {d: sum(j.before.decision is d for j in report.judged) for d in reversed(STRICTNESS)}
        told = ", ".join(f"{n:,} {d.value}" for d, n in by.items() if n) or "none"
        yield f"{plain(report.model or '')} is upstream of {amount(len(report.judged), 'trained version')}: {told}."
    if report.reached is not None:
        versions, datasets, partitions = report.reached
        yield (
            f"Downstream of {plain(report.model or '')} in the ledger: {amount(versions, 'version')} of "
            f"{amount(datasets, 'dataset')}, {amount(partitions, 'partition')}."
        )
    carried: dict[Version, list[Version]] = {}
    for each in report.downstream:
        carried.setdefault(each.made_from, []).append(each.version)
    for j in shown:
        yield from _one(report, j, carried.get(j.version, []))
    for each in report.unjudged:
        yield ""
        yield f"NOT JUDGED  {plain(str(each.version))}: {plain(each.why)}"
    yield ""
    yield from policies(report)


def policies(report: Report) -> Iterator[str]:
    """By which rules it was judged, and what a reader should know."""
    for before, after in report.rules:
        names = f"{plain(before.policy.name)} ({before.policy.digest[:19]})"
        to = f" -> {plain(after.policy.name)} ({after.policy.digest[:19]})" if report.proposes else ""
        yield f"Policy: {names}{to}"
    if report.unfinished:
        yield f"Not counted: {amount(report.unfinished, 'verdict')} on record after which nothing was written."
    yield from (f"Note: {plain(note)}" for note in report.notes)


def _one(report: Report, j: Judged, carried: Sequence[Version]) -> Iterator[str]:
    newest = "newest of its partition" if j.newest else "not the newest of its partition"
    yield ""
    if report.proposes:
        change = f"{said(j.before)} -> {said(j.after)}"
        yield f"{j.shift.value}  {plain(str(j.version))} ({plain(j.use)}): {change}; {newest}"
        findings = news(j.before, j.after) if j.shift is not Shift.LOOSER else news(j.after, j.before)
        lead = "No longer found: " if j.shift is Shift.LOOSER else ""
    else:
        yield f"{said(j.before)}  {plain(str(j.version))} ({plain(j.use)}); {newest}"
        findings, lead = j.before.findings[:1], ""
    for finding in findings[:3]:
        yield f"  {lead}{'WAIVED' if finding.waived_by else finding.effect.name} {plain(finding.message)}"
        yield f"    Path: {plain(path_text(finding))}"
        yield f"    Rule: {plain(finding.rule)} ({finding.reason.value})"
        if not lead:
            yield f"    Fix: {plain(finding.fix)}"
    if len(findings) > 3:
        yield f"  ... and {len(findings) - 3:,} more findings; --json lists all of them"
    for version in carried[:_SHOWN]:
        yield f"  Carried on by: {plain(str(version))}"
    if len(carried) > _SHOWN:
        yield f"  ... and {len(carried) - _SHOWN:,} more; --json lists all of them"


def to_json(report: Report) -> dict[str, Any]:
    """The report as JSON; its schema is ``lineage_guard/cli/schemas/impact.schema.json``."""
    shown = report.shown
    assets, partitions = _places(shown)
    return {
        "exit_code": report.exit_code,
        "proposed": report.proposes,
        "model": report.model,
        "rules": [
            {
                "present": {"policy": b.policy.name, "digest": b.policy.digest, "catalog": b.catalog.digest},
                "proposed": {"policy": a.policy.name, "digest": a.policy.digest, "catalog": a.catalog.digest},
            }
            for b, a in report.rules
        ],
        "counts": {
            "judged": len(report.judged),
            "stricter": sum(j.shift is Shift.STRICTER for j in report.judged),
            "looser": sum(j.shift is Shift.LOOSER for j in report.judged),
            "reasons": sum(j.shift is Shift.REASONS for j in report.judged),
            "notJudged": len(report.unjudged),
            "apart": report.apart,
            "unfinished": report.unfinished,
            "assets": assets,
            "partitions": partitions,
            "newest": sum(j.newest for j in shown),
            "downstream": len(report.downstream),
        },
        "versions": [
            {
                "version": version_json(j.version),
                "use": j.use,
                "useAssumed": j.assumed,
                "newest": j.newest,
                "recorded": j.recorded,
                "change": j.shift.value,
                "present": verdict_json(j.before, news(j.after, j.before) if report.proposes else j.before.findings),
                "proposed": verdict_json(j.after, news(j.before, j.after)) if report.proposes else None,
            }
            for j in shown
        ],
        "downstream": [
            {"version": version_json(c.version), "madeFrom": version_json(c.made_from)} for c in report.downstream
        ],
        "reached": dict(zip(("versions", "datasets", "partitions"), report.reached, strict=True))
        if report.reached
        else None,
        "notJudged": [{"version": version_json(u.version), "why": u.why} for u in report.unjudged],
        "notes": list(report.notes),
    }


def _places(judged: Sequence[Judged]) -> tuple[int, int]:
    """How many assets, and how many partitions of those that have any."""
    assets = {j.version[:2] for j in judged}
    return len(assets), len({j.version[:3] for j in judged if j.version.partition is not None})


def said(verdict: Verdict) -> str:
    """The decision, and whether it stops."""
    return verdict.decision.value + (" (stops)" if verdict.stops else "")


def amount(count: int, noun: str) -> str:
    """A number and what is counted."""
    return f"{count:,} {plural(noun, count)}"
