"""Statements to compact JSON and back, for the index of the ledger."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from lineage_guard.domain.facts import Assertion, Completeness, Influence, Pin, Production, Version
from lineage_guard.openlineage.codec import license_from, license_json, model_from, model_json
from lineage_guard.openlineage.foreign.statement import Heard, Statement, Written
from lineage_guard.openlineage.foreign.tracing import Place
from lineage_guard.openlineage.reading import Fields, format_time, parse_time

_INFLUENCES = (Influence.DIRECT, Influence.INDIRECT)
_PINS = (Pin.CONSERVATIVE, Pin.EXACT)


def dump(s: Statement) -> str:
    """A statement as one line of JSON: lists, in the order of the fields.

    Example:
        >>> from datetime import UTC
        >>> s = Statement("r", ("d", "j"), datetime(2026, 1, 1, tzinfo=UTC), "START")
        >>> load(dump(s)) == s
        True
    """
    heard = [[*h.version, _INFLUENCES.index(h.influence), _PINS.index(h.pin), int(h.model)] for h in s.heard]
    written = [
        [
            w.version,
            int(w.replaces) | int(w.empties) << 1 | int(w.own) << 2,
            w.formerly,
            [[*p, _INFLUENCES.index(i)] for p, i in w.sources],
            [[*p, _INFLUENCES.index(i)] for p, i in w.jobs],
            w.claim and _claim_json(w.claim),
        ]
        for w in s.written
    ]
    row = [s.run, s.job, format_time(s.at), s.state, int(s.streaming), s.producer, heard, written, s.aliases]
    return json.dumps(row, separators=(",", ":"), ensure_ascii=False)


def load(text: str) -> Statement:
    """The inverse of ``dump``."""
    run, job, at, state, streaming, producer, heard, written, aliases = json.loads(text)
    return Statement(
        run=run,
        job=tuple(job),
        at=datetime.fromisoformat(at),
        state=state,
        streaming=bool(streaming),
        producer=producer,
        heard=tuple(Heard(Version(*h[:4]), _INFLUENCES[h[4]], _PINS[h[5]], bool(h[6])) for h in heard),
        written=tuple(_written(w) for w in written),
        aliases=tuple((tuple(a), tuple(b)) for a, b in aliases),
    )


def _written(row: list[Any]) -> Written:
    version, flags, formerly, sources, jobs, claim = row
    return Written(
        Version(*version),
        bool(flags & 1),
        bool(flags & 2),
        tuple(formerly) if formerly else None,
        _sources(sources),
        _sources(jobs),
        bool(flags & 4),
        _claim(claim) if claim else None,
    )


def _sources(rows: list[tuple[str, str, int]]) -> tuple[tuple[Place, Influence], ...]:
    return tuple(((namespace, name), _INFLUENCES[i]) for namespace, name, i in rows)


def _claim_json(p: Production) -> dict[str, Any]:
    return {
        "outputs": p.outputs,
        "models": [model_json(m) for m in p.models],
        "at": p.produced_at and format_time(p.produced_at),
        "by": p.asserted_by.value,
        "completeness": p.completeness.value,
        "licenses": [license_json(x) for x in p.licenses],
        "artefact": p.artefact,
        "note": p.note,
    }


def _claim(row: dict[str, Any]) -> Production:
    fields = Fields(row, "claim")
    return Production(
        outputs=tuple(Version(*v) for v in row["outputs"]),
        models=tuple(model_from(m) for m in fields.items("models")),
        produced_at=parse_time(row["at"]) if row["at"] else None,
        asserted_by=Assertion(row["by"]),
        completeness=Completeness(row["completeness"]),
        licenses=tuple(license_from(x) for x in fields.items("licenses")),
        artefact=row["artefact"],
        note=row["note"],
    )
