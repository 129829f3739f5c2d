"""Ways on for somebody whose training was stopped, with the commands that take them."""

from __future__ import annotations

from dataclasses import dataclass
from shlex import quote

from lineage_guard.domain.decide import Finding, Verdict
from lineage_guard.domain.incidents import GUARD_STALE
from lineage_guard.domain.policy import ReasonCode

#: Longest name shown; longer ones end in an ellipsis.
NAME = 300


@dataclass(frozen=True, slots=True)
class Way:
    """One way on, with the commands that take it."""

    title: str
    commands: tuple[str, ...] = ()


def ways_to_unblock(finding: Finding, verdict: Verdict) -> tuple[Way, ...]:
    """Three ways on: take the cause away, correct the record, or accept the risk by name.

    Args:
        finding: what stops the step.
        verdict: the verdict it belongs to.
    """
    target, subject = cut(verdict.target.name, NAME), cut(finding.subject.name, NAME)
    model = cut(str(finding.model), NAME)
    again = f"lineage-guard check {quote(target)} --use {quote(cut(verdict.use, NAME))}"
    if finding.rule == GUARD_STALE:
        forget = f"lineage-guard health --forget {quote(subject)}"
        return (
            Way("Find out why it does not tick, and mend it.", ("lineage-guard doctor",)),
            Way("Catch up by hand meanwhile; gates need no sensor.", ("lineage-guard sync",)),
            Way(
                "Stop missing it, if the code location was removed.",
                (forget,),
            ),
        )
    if finding.reason is ReasonCode.GUARD_CANNOT_SEE:
        return (
            Way("Find out what is broken, and mend it.", ("lineage-guard doctor",)),
            Way("Collect what is missing from Dagster's event log.", ("lineage-guard sync",)),
            Way("Ask again; the step runs once the guard sees a clean lineage.", (again,)),
        )
    explain = f"lineage-guard explain {quote(target)}"
    selection = quote(f'key:"{subject}"+')
    rebuild = f"dagster asset materialize -m <your.definitions> --select {selection}"
    if finding.reason in (ReasonCode.EXPECTATIONS_FAILED, ReasonCode.EXPECTATIONS_NOT_RUN):
        return (
            Way(cut(finding.fix, 2 * NAME)),
            Way("Correct the declaration if the data is right and the record is not.", (explain,)),
            Way("Ask again once it is mended; a suite that fails cannot be waived.", (again,)),
        )
    waiver = (
        f"Have somebody other than you approve a waiver for rule {cut(finding.rule, NAME)}"
        + (f" and model {cut(finding.model.model, NAME)}" if finding.model else "")
        + f" on {target}, with an end date; every verdict will show it."
    )
    if finding.model is not None:
        first = Way(f"Make {subject} again without {model}, and everything built from it.", (rebuild,))
    else:
        first = Way(f"Declare what {subject} was made from, and make it again.", (rebuild,))
    correct = "Correct the record if it is wrong: model, channel or terms of the declaration"
    return (
        first,
        Way(f"{correct} on {subject}; collect; ask again.", ("lineage-guard sync", explain)),
        Way(waiver, (f"lineage-guard waive request {quote(target)} --by <you>", again)),
    )


def cut(text: str, limit: int) -> str:
    """One line of at most ``limit`` printable characters."""
    short = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(c if c.isprintable() else " " for c in short)
