"""How evidence is filed: one small JSON document per evidence key."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, cast

from lineage_guard.domain.errors import LedgerError
from lineage_guard.domain.verdict.evidence import Evidence, FailedExpectation
from lineage_guard.ledger.archive.archive import Archive


def key_of(evidence_key: str) -> str:
    """The archive key of an evidence key.

    Example:
        >>> key_of("sha256:ab")
        'evidence/ab.json'
    """
    return f"evidence/{evidence_key.removeprefix('sha256:')}.json"


def dump(evidence: Evidence) -> bytes:
    """Evidence as JSON."""
    return json.dumps({**asdict(evidence), "at": evidence.at.isoformat()}, sort_keys=True, indent=1).encode()


def parse(data: bytes, key: str, where: str) -> Evidence:
    """Evidence from JSON.

    Args:
        data: the document.
        key: the evidence key it was filed under; it must be its own.
        where: its place, for errors.

    Raises:
        LedgerError: when it cannot be read or belongs elsewhere.
    """
    try:
        raw = cast("dict[str, Any]", json.loads(data))
        failures = tuple(FailedExpectation(**f) for f in raw.pop("failures"))
        at = datetime.fromisoformat(raw.pop("at"))
        evidence = Evidence(**raw, at=at, failures=failures)
        if evidence.key != key:
            raise ValueError("it was filed under another key")
    except (ValueError, KeyError, TypeError) as e:
        raise LedgerError(
            f"evidence cannot be read: {e}", where=where, fix="delete the file; the suite is run again"
        ) from e
    return evidence


def write(archive: Archive, evidence: Evidence) -> None:
    """File evidence. What says the same and was gathered before stays; what says something else is replaced.

    Raises:
        LedgerError: when the archive cannot be read or written.
    """
    key = key_of(evidence.key)
    before = archive.get(key)
    if before is not None:
        try:
            known = parse(before, evidence.key, archive.describe(key))
        except LedgerError:
            known = None
        if known is not None and known.at <= evidence.at and replace(known, at=evidence.at) == evidence:
            return  # a report as of a day in between counts it
    archive.put(key, dump(evidence))


def read(archive: Archive, key: str) -> Evidence | None:
    """What is filed under an evidence key, or ``None``.

    Raises:
        LedgerError: when it is there but cannot be read.
    """
    data = archive.get(key_of(key))
    return None if data is None else parse(data, key, archive.describe(key_of(key)))
