"""An explanation as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lineage_guard.domain.lineage.ways import MANY
from lineage_guard.domain.verdict.causes import Cause
from lineage_guard.domain.verdict.explain import name_of, path_text, plain
from lineage_guard.domain.verdict.remedy import Action, Change
from lineage_guard.explaining.explanation import spelt
from lineage_guard.openlineage.codec import version_json

if TYPE_CHECKING:
    from lineage_guard.domain.verdict.offers import Split
    from lineage_guard.explaining.explanation import Explanation

_TITLES = {
    Action.REBUILD: "make it again",
    Action.DECLARE: "declare what it was made from, and make it again",
    Action.REPLACE: "read something else in its place: no run on record makes it",
    Action.STEP: "change the training step itself",
}


def lines(explanation: Explanation) -> Iterator[str]:
    """The explanation as text, line by line."""
    said: set[tuple[str, object]] = set()
    for cause in explanation.causes:
        yield ""
        terms = f", terms {plain(cause.finding.terms.id)}" if cause.finding.terms else ""
        same = (subject(cause), cause.paths) in said
        said.add((subject(cause), cause.paths))
        many = "the same" if same else counted(cause)
        yield f"Paths to {subject(cause)} (rule {plain(cause.finding.rule)}{terms}): {many}"
        if same:
            continue
        for n, path in enumerate(cause.paths, 1):
            yield f"  {n}. {' <- '.join(path_steps(cause, path))}"
        if cause.left_out != 0:
            yield f"  ... {left_out(cause)}; --paths N or --all shows more"
    remedy = explanation.remedy
    if remedy.changes:
        yield ""
        yield f"{heading(explanation)}:"
        for change in remedy.changes:
            yield f"  - {plain(change_name(change))}: {done(change)}"
        if remedy.again:
            yield f"  {again(remedy.again)}"
    for split in explanation.splits:
        yield ""
        yield f"Or quarantine rows of {plain(str(split.mixed))}: {taken_out(split)}"
        yield "  with lineage_guard.quarantine(...), if each of its rows says which model wrote it."
    if explanation.waivers:
        yield ""
        yield "Or ask for a waiver, which somebody else approves:"
        yield from (f"  {plain(command)}" for command in explanation.waivers)
    if remedy.left:
        yield ""
        yield "None of these mends:"
        yield from (f"  - {plain(sentence)}" for sentence in remedy.left)


def heading(explanation: Explanation) -> str:
    """What is said of the set of versions to be changed."""
    remedy = explanation.remedy
    count = len(remedy.changes)
    what = "Change this one version" if count == 1 else f"Change these {count} versions"
    proved = remedy.smallest and not explanation.cured
    return f"{what} to unblock" + ("; no smaller set does" if proved else "; a smaller set may do")


def again(count: int) -> str:
    """What is to be done about what lies in between."""
    return f"then materialise again what lies between and the target: {count:,} version{'s' if count > 1 else ''}."


def subject(cause: Cause) -> str:
    """What a cause is about: a model, or the version with a gap."""
    return plain(str(cause.finding.model or cause.finding.subject))


def counted(cause: Cause) -> str:
    """How many ways there are."""
    many = f" in {cause.versions:,} versions" if cause.versions > 1 else ""
    if cause.total is None:
        return f"{len(cause.paths):,} shown of an unknown number, as records read each other in circles{many}"
    if cause.total >= MANY:
        return f"more than {MANY:.0e}{many}, shortest first"
    return f"{cause.total:,}{many}{', shortest first' if cause.total > 1 else ''}"


def left_out(cause: Cause) -> str:
    """How many ways are not shown."""
    if cause.left_out is None:
        return "and more"
    return f"and {'more than ' if cause.total == MANY else ''}{cause.left_out:,} more"


def path_steps(cause: Cause, path: tuple[Any, ...]) -> list[str]:
    """A path, from the target to the model or the version with the gap, as names."""
    whole = path_text(replace(cause.finding, path=path[-1:]))
    head = [name_of(v) if n == 0 else str(v) for n, v in enumerate(path)]
    model = whole.split(" <- ")[1:]
    return [plain(str(step)) for step in (*spelt(tuple(head)), *model)]


def change_name(change: Change) -> str:
    """The version of a change; of the target without its run, which has not begun."""
    return name_of(change.version) if change.action is Action.STEP else str(change.version)


def done(change: Change) -> str:
    """What is to be done about a version, in words."""
    without = f" without {', '.join(map(plain, change.models))}" if change.models else ""
    if change.action is Action.REPLACE:
        return _TITLES[change.action]
    if change.action is Action.REBUILD and not without:
        # A gap or a licence further up: made again from the same, it would hold the same.
        return f"{_TITLES[change.action]}, from nothing that stops the step"
    return f"{_TITLES[change.action]}{without}"


def taken_out(split: Split) -> str:
    """The rows of a split, in words."""
    models = ", ".join(dict.fromkeys(f"{s.provider}/{s.model}" for s in split.sources))
    known = f"{split.rows:,}" if split.counted else f"{split.rows:,} on record and more" if split.rows else ""
    return f"those that name {plain(models)}{f' ({known} rows)' if known else ''}"


def to_json(explanation: Explanation) -> dict[str, Any]:
    """The explanation as JSON; its schema is ``lineage_guard/cli/schemas/explanation.schema.json``."""
    remedy = explanation.remedy
    return {
        "causes": [
            {
                "rule": c.finding.rule,
                "reason": c.finding.reason.value,
                "effect": c.finding.effect.name,
                "model": str(c.finding.model) if c.finding.model else None,
                "terms": c.finding.terms.id if c.finding.terms else None,
                "versions": c.versions,
                "paths": [[version_json(v) for v in path] for path in c.paths],
                "pathCount": c.total,
                "pathCountIsLowerBound": c.total is not None and c.total >= MANY,
                "leftOut": c.left_out,
            }
            for c in explanation.causes
        ],
        "changes": [
            {
                "version": version_json(c.version),
                "action": c.action.value,
                "models": list(c.models),
                "causes": c.causes,
            }
            for c in remedy.changes
        ],
        "smallest": remedy.smallest and not explanation.cured,
        "materialiseAgain": remedy.again,
        "quarantine": [
            {
                "mixed": version_json(s.mixed),
                "sources": [dict(source._asdict()) for source in s.sources],
                "rows": s.rows if s.counted or s.rows else None,
                "rowsAreAll": s.counted,
            }
            for s in explanation.splits
        ],
        "waivers": list(explanation.waivers),
        "left": list(remedy.left),
    }
