"""A verdict in words: what was decided, the path as text, the exact fact and rule, the way out.

The gate's failure message, the command line, the alerts and the demo all say it with this. Names come
from records that anybody may have written, so what is said line by line is ``plain``.
"""

from __future__ import annotations

from lineage_guard.domain.facts import Influence, Pin, Version
from lineage_guard.domain.grammar import plural
from lineage_guard.domain.rules.terms import Terms
from lineage_guard.domain.verdict.decide import Decision, Finding, Verdict
from lineage_guard.domain.verdict.modes import Mode

_WORDS = {
    Decision.ALLOW: "ALLOWED",
    Decision.WAIVED: "WAIVED",
    Decision.WARN: "ALLOWED, WITH WARNINGS",
    Decision.UNKNOWN: "ALLOWED, NOT KNOWN TO BE CLEAN",
    Decision.BLOCK: "ALLOWED, THOUGH IT SHOULD BLOCK",
}


def headline(verdict: Verdict) -> str:
    """One line: outcome, asset, use and policy.

    Example:
        ``BLOCKED  default:student (train_competing) by policy default``
    """
    return plain(f"{outcome(verdict)}  {name_of(verdict.target)} ({verdict.use}) by policy {verdict.policy}")


def outcome(verdict: Verdict) -> str:
    """The outcome in few words; anything that stops the step is BLOCKED, and what only would says so.

    What a waiver let through reads WAIVED, also where warnings that no waiver is about remain.

    Example:
        ``would have been BLOCKED (observe)``
    """
    said = outcome_of(verdict.decision, verdict.stops, verdict.mode)
    return said.replace("ALLOWED", "WAIVED") if verdict.waivers else said


def outcome_of(decision: Decision, stops: bool, mode: Mode) -> str:
    """As ``outcome``, of a verdict of which no more is known.

    Args:
        decision: the outcome.
        stops: whether the policy stops the step.
        mode: whether the step is held to it.

    Example:
        >>> outcome_of(Decision.UNKNOWN, True, Mode.ENFORCE)
        'BLOCKED, NOT KNOWN TO BE CLEAN'
    """
    if not stops:
        return _WORDS[decision]
    word = "BLOCKED" if mode is Mode.ENFORCE else f"would have been BLOCKED ({mode.value})"
    return word if decision is Decision.BLOCK else f"{word}, NOT KNOWN TO BE CLEAN"


def explain(verdict: Verdict, most: int | None = None) -> str:
    """The whole verdict as plain text, strictest finding first.

    Args:
        verdict: the verdict.
        most: how many findings to spell out; ``None`` for all. The rest are counted.

    Returns:
        Lines joined with newlines, without a trailing one.
    """
    lines = [headline(verdict)]
    spoken = tuple(f for f in verdict.findings if not f.restates) or verdict.findings
    shown = spoken if most is None else spoken[:most]
    for finding in shown:
        lines += _finding(finding)
    if hidden := len(spoken) - len(shown):
        lines.append(f"  ... and {hidden} more finding{'s' if hidden > 1 else ''}")
    if len(spoken) < len(verdict.findings):
        lines.append("  The expectation suite 'lineage' ran over the same versions and fails too.")
    lines += [f"  Quarantine: {cure}" for cure in verdict.cures]
    if not verdict.blocks:
        lines += [f"  Duty: {duty}" for duty in verdict.obligations]
    if verdict.stops and not verdict.blocks:
        lines.append(f"  Nothing was stopped: this asset is in mode {verdict.mode.value!r}.")
    seen = f"{verdict.closure_size} {plural('upstream version', verdict.closure_size)}"
    lines.append(f"  Looked at {seen} at {verdict.at:%Y-%m-%d %H:%M:%S} UTC.")
    return "\n".join(map(plain, lines))


def plain(text: str) -> str:
    r"""One line without characters that would steer a terminal, hide, or begin a line that nobody wrote.

    Example:
        >>> print(plain("evil\x1b[2J\nALLOWED"))
        evil\x1b[2J ALLOWED
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in " ".join(text.splitlines()))


def path_text(finding: Finding) -> str:
    """The way from the target to what was found.

    Example:
        ``default:student <- default:curated@92c03fb1 <- default:synthetic@5e1d77a0 <- openai/gpt-4o``
    """
    return " <- ".join(path_steps(finding))


def path_steps(finding: Finding) -> tuple[str, ...]:
    """The same, step by step."""
    steps = [name_of(finding.path[0]), *(str(v) for v in finding.path[1:])]
    if finding.model is not None and not finding.path[-1].name.endswith(finding.model.model):
        steps.append(str(finding.model))
    return tuple(steps)


def name_of(version: Version) -> str:
    """A version without its run: how a person names what a step is about to write."""
    return str(version._replace(run=None))


def terms_text(terms: Terms) -> str:
    """The catalog entry that was applied: id, licence, date and how well it was checked.

    Example:
        ``openai-api (LicenseRef-OpenAI-Services-Agreement, from 2026-01-01, verified)``
    """
    since = f"from {terms.effective_from}" if terms.effective_from else "undated"
    return f"{terms.id} ({terms.license}, {since}, {terms.confidence.value})"


def _finding(finding: Finding) -> list[str]:
    facts = f": terms {terms_text(finding.terms)}" if finding.terms else f": {finding.reason.value}"
    lines = [f"  {finding.effect.name} {_subject(finding)}{facts}"]
    if len(finding.path) > 1 or finding.model:
        lines.append(f"    Path: {path_text(finding)}")
    lines.append(f"    Why: {finding.message}")
    lines.append(f"    Rule: {finding.rule} ({finding.reason.value})")
    if finding.terms and finding.terms.url:
        lines.append(f"    Terms: {finding.terms.url}")
    if finding.pin is Pin.CONSERVATIVE:
        lines.append("    Note: which version was read is not certain; every version that may have been read counts.")
    if finding.influence is Influence.INDIRECT:
        lines.append("    Note: only a choice came through here (filtering, scoring), not content.")
    if finding.versions > 1:
        lines.append(f"    Note: {finding.versions} versions upstream show the same; the nearest is named.")
    if finding.waived_by:
        lines.append(f"    Waived by: {finding.waived_by}")
    else:
        lines.append(f"    Fix: {finding.fix}")
    return lines


def _subject(finding: Finding) -> str:
    if finding.model is not None:
        return str(finding.model)
    # What the gate itself says is about the step, which the headline has named.
    return str(finding.subject) if len(finding.path) > 1 else finding.rule
