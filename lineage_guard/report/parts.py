"""What CycloneDX and SPDX documents of a report have in common: models as parts, licences as one expression, texts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from lineage_guard.domain.facts import Acknowledgement, License, ModelSource, Version
from lineage_guard.domain.rules.spdx import canonical, expression_error
from lineage_guard.openlineage.reading import format_time
from lineage_guard.report.contents import Report, Source
from lineage_guard.report.document import as_json
from lineage_guard.report.gathering import passed

_NOT_ID = re.compile(r"[^A-Za-z0-9.-]+")


@dataclass(frozen=True)
class Part:
    """A model that took part in making one or more sources.

    Attributes:
        id: ``M1``, ``M2``, ... within the report.
        model: the model, as its first use says.
        terms: keys of all terms that bound it.
        licenses: licence expressions of those terms and the one its author claims.
        uses: (source id, usage, whether a quarantine took its rows out).
    """

    id: str
    model: ModelSource
    terms: tuple[str, ...]
    licenses: tuple[str, ...]
    uses: tuple[tuple[str, str, bool], ...]


def parts(report: Report) -> tuple[Part, ...]:
    """The models of a report, one for each provider, id, revision and channel.

    Args:
        report: the report.
    """
    found: dict[tuple[str, str, str, str], list[tuple[Source, int]]] = {}
    for source in report.sources:
        for n, used in enumerate(source.models):
            m = used.model
            found.setdefault((m.provider, m.model, m.version or "", m.channel or ""), []).append((source, n))
    result: list[Part] = []
    for number, (_, places) in enumerate(sorted(found.items()), 1):
        used = [source.models[n] for source, n in places]
        keys = tuple(dict.fromkeys(key for each in used for key in each.terms))
        claimed = (each.model.license for each in used)
        licenses = tuple(dict.fromkeys([*(report.terms[key].license for key in keys), *(c for c in claimed if c)]))
        uses = ((source.id, u.model.usage.value, u.taken_out) for (source, _), u in zip(places, used, strict=True))
        result.append(Part(f"M{number}", used[0].model, keys, licenses, tuple(dict.fromkeys(uses))))
    return tuple(result)


def expression(texts: Iterable[str]) -> str | None:
    """Licences that bind together, as one SPDX expression; what is no expression becomes a ``LicenseRef-``.

    Args:
        texts: expressions, or names of licences.

    Example:
        >>> expression(["MIT OR Apache-2.0", "cc-by-4.0", "House rules!"])
        '(MIT OR Apache-2.0) AND CC-BY-4.0 AND LicenseRef-House-rules'
    """
    spelled = list(dict.fromkeys(_expression(text) for text in texts))
    if len(spelled) < 2:
        return spelled[0] if spelled else None
    return " AND ".join(f"({each})" if " " in each else each for each in spelled)


def _expression(text: str) -> str:
    if expression_error(text) is None:
        return canonical(text)
    return f"LicenseRef-{_NOT_ID.sub('-', text.removeprefix('LicenseRef-')).strip('-') or 'unnamed'}"


def by_acknowledgement(licenses: Sequence[License]) -> dict[Acknowledgement, str]:
    """What the supplier declares and what readers concluded, as one expression each.

    Args:
        licenses: of one source.
    """
    found = {a: expression(each.expression for each in licenses if each.acknowledgement is a) for a in Acknowledgement}
    return {a: text for a, text in found.items() if text}


def label(version: Version) -> str:
    """Partition and run of a version as one label; ``unversioned`` when it has neither."""
    return "/".join(part for part in (version.partition, version.run) if part) or "unversioned"


def digest(report: Report) -> str:
    """SHA-256 of the report as JSON, in hexadecimal: identifiers in other formats are made from it."""
    return sha256(as_json(report)).hexdigest()


def statements(report: Report) -> tuple[tuple[str, str], ...]:
    """What formats without fields for it carry as (name, text): verdicts, duties, waivers, evidence, limits.

    Args:
        report: the report.
    """
    said: list[tuple[str, str]] = []
    for n, d in enumerate(report.decisions, 1):
        v = d.verdict
        said.append(
            (
                f"decision:D{n}",
                f"{v.decision.value} by policy {v.policy} for {v.use}, by the {d.by} at {format_time(v.at)}; "
                f"event {d.record.digest}, batch {d.record.batch}",
            )
        )
    now = report.redecided.verdict
    same = "" if report.redecided.differs or not report.decisions else ", as recorded"
    said.append(("redecision", f"{now.decision.value} by policy {now.policy} for {now.use}{same}"))
    said += [("difference", text) for text in report.redecided.differs]
    for o in report.obligations:
        said.append(("obligation", f"{o.owner}: {o.duty} ({', '.join(o.sources) or 'by a recorded verdict'})"))
    for w in report.waivers:
        text = w.text
        known = f"; approved by {text.waiver.approved_by}, ends {format_time(text.waiver.expires)}" if text else ""
        said.append(("waiver", f"{w.id}, relied on by {', '.join(w.verdicts)}{known}"))
    for f in report.evidence:
        e = f.evidence
        held = f"{passed(e)}, {e.evaluated} of {e.expected}"
        said.append(("evidence", f"suite {e.suite} over {', '.join(f.about)}: {held}; {e.key}"))
    said += [("quarantine", cure) for cure in report.cures]
    said += [("limit", note) for note in report.notes]
    return tuple(said)
