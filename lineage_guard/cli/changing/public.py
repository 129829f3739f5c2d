"""``lineage-guard impact --public``: what a change of rules does to public students and to students of public data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum

from lineage_guard.catalog import PublicArtefact
from lineage_guard.cli.changing.judging import Judged, Pattern
from lineage_guard.cli.changing.report import Report, amount, policies, said
from lineage_guard.cli.changing.rules import Rules
from lineage_guard.domain.facts import Version
from lineage_guard.domain.lineage.closure import close, extend
from lineage_guard.domain.verdict.decide import Finding, Verdict, decide
from lineage_guard.domain.verdict.explain import path_text, plain
from lineage_guard.domain.verdict.shift import Shift, news

#: Namespace of what stands for a public student; it is no node of the catalog.
NAMESPACE = "public"
_STUDENT_OF = "student of "
_FINDINGS = 3
_ORDER = (Shift.STRICTER, Shift.LOOSER, Shift.REASONS, Shift.NONE)
_WORDS = {Shift.REASONS: " as before, for other reasons", Shift.NONE: " as before"}


class Which(StrEnum):
    """Which public artefacts are looked at.

    Attributes:
        MODELS: public models, as to what they were trained on.
        DATASETS: public datasets, as to what a student of each may be.
        ALL: both.
    """

    MODELS = "models"
    DATASETS = "datasets"
    ALL = "all"


def judge_public(
    rules: tuple[Rules, Rules], which: Which, use: str, model: Pattern | None, at: datetime
) -> tuple[list[Judged], int]:
    """Judge every public artefact that the catalog knows the making of, by two sets of rules.

    A model is judged as the step that trained it, a dataset as a step that reads it. Models whose making is not
    known have no training to be judged.

    Args:
        rules: those in force and the proposed ones.
        which: models, datasets or both.
        use: what the students are for.
        model: only those that this is upstream of.
        at: the time of the verdicts (timezone-aware UTC).

    Returns:
        Those that were judged, and how many the model is not upstream of.

    Example:
        >>> from datetime import UTC
        >>> from lineage_guard.cli.changing.rules import present
        >>> from lineage_guard.dagster.settings import Settings
        >>> now = present(Settings(), None, None)
        >>> found, _ = judge_public((now, now), Which.MODELS, "train_competing", None, datetime.now(UTC))
        >>> {j.shift.value for j in found}
        {'NONE'}
    """
    judged: list[Judged] = []
    apart = 0
    proposed = rules[1].catalog.ancestry
    for artefact in proposed.artefacts:
        if not _looked_at(artefact, which):
            continue
        student = Version(
            NAMESPACE, artefact.artefact if artefact.type == "model" else f"{_STUDENT_OF}{artefact.artefact}"
        )
        step = close(proposed.training_of(artefact, student), [])
        closures = {r.catalog.ancestry.digest: extend(step, r.catalog.ancestry) for r in rules}
        if model is not None and not any(model.within(c) for c in closures.values()):
            apart += 1
            continue
        verdicts: dict[int, Verdict] = {}
        for each in rules:
            if id(each) not in verdicts:
                closure = closures[each.catalog.ancestry.digest]
                verdicts[id(each)] = decide(closure, each.policy, each.waivers, use, at)
        before, after = (verdicts[id(each)] for each in rules)
        judged.append(Judged(student, use, False, before, after, True, None))
    return judged, apart


def _looked_at(artefact: PublicArtefact, which: Which) -> bool:
    if artefact.type == "model":
        return which is not Which.DATASETS and bool(artefact.edges)
    return which is not Which.MODELS


def lines(report: Report, use: str) -> Iterator[str]:
    """The report as text, line by line: what becomes stricter or looser, and how many of what else.

    Args:
        report: what was judged.
        use: what the students are for.
    """
    datasets = sum(j.version.name.startswith(_STUDENT_OF) for j in report.judged)
    models = len(report.judged) - datasets
    looked = [f"{amount(models, 'public model')} by what trained them"] if models else []
    looked += [f"a student of each of {amount(datasets, 'public dataset')}"] if datasets else []
    of = f" with {plain(report.model)} upstream" if report.model else ""
    what = " and ".join(looked) or "nothing public"
    yield f"{what[0].upper()}{what[1:]}{of}, judged for {plain(use)}:"
    moves = Counter((j.shift, said(j.before), said(j.after)) for j in report.judged)
    for (shift, before, after), n in sorted(moves.items(), key=lambda m: (_ORDER.index(m[0][0]), -m[1])):
        to = "" if not report.proposes else _WORDS.get(shift, f" -> {after}")
        yield f"  {n:,} {before}{to}"
    listed = [j for j in report.shown if j.shift in (Shift.STRICTER, Shift.LOOSER) or not report.proposes]
    for j in listed:
        yield from _one(j, report.proposes)
    yield ""
    yield from policies(report)


def _one(j: Judged, proposes: bool) -> Iterator[str]:
    yield ""
    if not proposes:
        yield f"{said(j.before)}  {plain(j.version.name)}"
        findings, lead = j.before.findings, ""
    elif j.shift is Shift.LOOSER:
        yield f"LOOSER  {plain(j.version.name)}: {said(j.before)} -> {said(j.after)}"
        findings, lead = news(j.after, j.before), "no longer "
    else:
        yield f"STRICTER  {plain(j.version.name)}: {said(j.before)} -> {said(j.after)}"
        findings, lead = news(j.before, j.after), ""
    for f in findings[:_FINDINGS]:
        yield from _finding(f, lead)
    if len(findings) > _FINDINGS:
        yield f"  and {amount(len(findings) - _FINDINGS, 'more finding')}; --json lists all"
    if proposes and j.shift is Shift.LOOSER and j.after.findings:
        yield from _finding(j.after.findings[0], "left: ")


def _finding(f: Finding, lead: str) -> Iterator[str]:
    of = f", terms {f.terms.id}" if f.terms else ""
    effect = "WAIVED" if f.waived_by else f.effect.name
    yield f"  {lead}{effect} by rule {plain(f.rule)} ({f.reason.value}{of})"
    yield f"    {plain(path_text(f))}"
