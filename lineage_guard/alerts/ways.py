"""Ways on for somebody whose training was stopped, with the commands that take them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from shlex import quote

from lineage_guard.domain.facts import Version
from lineage_guard.domain.incidents.incident import GUARD_STALE, HISTORY_LOST, OF_A_TICK
from lineage_guard.domain.rules.policy import ReasonCode
from lineage_guard.domain.verdict.decide import Finding, Verdict
from lineage_guard.domain.verdict.runs import is_declared

#: Longest name shown; longer ones end in an ellipsis.
NAME = 300
#: Sources that are named one by one; where more would have to be made again, `explain` lists them.
_LISTED = 5


@dataclass(frozen=True, slots=True)
class Way:
    """One way on, with the commands that take it."""

    title: str
    commands: tuple[str, ...] = ()


def ways_to_unblock(
    finding: Finding, verdict: Verdict, smallest: Sequence[Version] = (), others: int = 0
) -> tuple[Way, ...]:
    """Three ways on: take the cause away, correct the record, or accept the risk by name.

    Args:
        finding: what stops the step.
        verdict: the verdict it belongs to.
        smallest: the fewest versions that would have to be made again, as far as they are known.
        others: how many other causes stop the same step: none of the ways is one unless they are seen to as well.
    """
    target, subject = cut(verdict.target.name, NAME), cut(finding.subject.name, NAME)
    model = cut(str(finding.model), NAME)
    # Asked without a partition, the commands could only say that it has some.
    partition = _in_partition(verdict.target)
    again = f"lineage-guard check {quote(target)} --use {quote(cut(verdict.use, NAME))}{partition}"
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
    if finding.rule == HISTORY_LOST:
        accept = "dagster sensor cursor lineage_guard --delete"
        return (
            Way("Put the ledger back as a whole, or else its newest backup.", ("lineage-guard verify",)),
            Way("Go on with what it holds then: reset the sensor's cursor, in each code location.", (accept,)),
            Way("Import again what was imported, and close alerts that receivers hold open and that are over."),
        )
    if finding.rule in OF_A_TICK:
        return (
            Way(f"Mend it: {cut(finding.fix, 2 * NAME)}.", ("lineage-guard doctor",)),
            Way("Launch what was stopped meanwhile again, once that is done: the guard launches nothing."),
        )
    if finding.reason is ReasonCode.GUARD_CANNOT_SEE:
        return (
            Way("Find out what is broken, and mend it.", ("lineage-guard doctor",)),
            Way("Collect what is missing from Dagster's event log.", ("lineage-guard sync",)),
            Way("Ask again; the step runs once the guard sees a clean lineage.", (again,)),
        )
    explain = explaining(verdict.target)
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
        + (" Each other cause needs one of its own." if others else "")
    )
    again_from = _names(smallest) or (subject,)
    made_here = any(v.run is not None and not is_declared(v.run) for v in smallest or (finding.subject,))
    rebuild = _rebuilding(smallest[:_LISTED] or (finding.subject,))
    if finding.model is not None:
        found = f"{finding.model.provider}/{finding.model.model}"
        affected = f"lineage-guard impact --model {quote(cut(found, NAME))}"
        if made_here:
            more = f" and the other {'cause' if others == 1 else f'{others} causes'}" if others else ""
            made = f"Make {_listed(again_from)} again without {model}{more}, and everything built from it."
            first = Way(made, (*rebuild, affected))
        else:
            # No run on record makes it, so there is nothing here to be materialised again.
            read = (
                f"Read something without {model} in the place of {_listed(again_from)}, which no run on record makes."
            )
            first = Way(read, (explain, affected))
    elif made_here:
        first = Way(f"Declare what {subject} was made from, and make {_listed(again_from)} again.", rebuild)
    else:
        say = f"Declare where {subject} comes from, which no run on record makes, or guard the code that makes it"
        first = Way(f"{say}; then make again what read it.", (explain,))
    if smallest:
        first = replace(first, title=f"{first.title} No smaller set would do.")
    correct = "Correct the record if it is wrong: model, channel or terms of the declaration"
    return (
        first,
        Way(f"{correct} on {subject}; collect; ask again.", ("lineage-guard sync", explain)),
        Way(waiver, (f"lineage-guard waive request {quote(target)} --by <you>{partition}", again)),
    )


def _names(versions: Sequence[Version]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(cut(v.name, NAME) for v in versions[:_LISTED]))


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + f" and {names[-1]}"


def _rebuilding(versions: Sequence[Version]) -> tuple[str, ...]:
    """What makes them again: what is not partitioned with all that is built on it, and one partition at a time."""
    command = "dagster asset materialize -m <your.definitions> --select"
    names = dict.fromkeys(cut(v.name, NAME) for v in versions if v.partition is None)
    whole = quote(" or ".join(f'key:"{name}"+' for name in names))
    parts = dict.fromkeys((cut(v.name, NAME), cut(v.partition, NAME)) for v in versions if v.partition is not None)
    each = [(quote(f'key:"{name}"'), quote(partition)) for name, partition in parts]
    return (
        *([f"{command} {whole}"] if names else ()),
        *(f"{command} {asset} --partition {partition}" for asset, partition in each),
    )


def explaining(target: Version) -> str:
    """The command that explains what stops a training asset."""
    return f"lineage-guard explain {quote(cut(target.name, NAME))}{_in_partition(target)}"


def _in_partition(target: Version) -> str:
    return f" --partition {quote(cut(target.partition, NAME))}" if target.partition is not None else ""


def cut(text: str, limit: int) -> str:
    """One line of at most ``limit`` printable characters."""
    short = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(c if c.isprintable() else " " for c in short)
