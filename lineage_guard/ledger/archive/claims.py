"""What is claimed of quarantines: which version holds the permitted rows of which mixed table, beside the log."""

from __future__ import annotations

import json
from typing import Any, cast

from lineage_guard.domain.errors import LedgerError
from lineage_guard.domain.facts import Version
from lineage_guard.domain.lineage.filtering import Filtered, RowSource
from lineage_guard.domain.lineage.reached import Rows, key_of
from lineage_guard.ledger.archive import states
from lineage_guard.ledger.archive.archive import Archive

#: The assets that anything was claimed of, so that most closures need not ask of any version.
_CLAIMED = "quarantines"


def file(archive: Archive, claim: Filtered) -> None:
    """Keep the claim that a version holds the permitted rows of a mixed table. It is worth its evidence.

    Args:
        archive: of the ledger.
        claim: the claim.

    Raises:
        LedgerError: when the archive cannot be read or written.
    """
    document = {
        "version": list(claim.version),
        "mixed": list(claim.mixed),
        "sources": [list(s) for s in claim.sources],
        "data_digest": claim.data_digest,
    }
    archive.put(_key(claim.version), json.dumps(document, sort_keys=True, indent=1).encode())
    name = [claim.version.namespace, claim.version.name]
    states.change(archive, _CLAIMED, lambda old: {**old, json.dumps(name): name})


def filed(archive: Archive, rows: Rows) -> tuple[Filtered, ...]:
    """The claims about versions of a closure.

    Args:
        archive: of the ledger.
        rows: of the closure.

    Raises:
        LedgerError: when there is one that cannot be read.
    """
    state = states.load(archive, _CLAIMED) or {}
    names = {(str(n[0]), str(n[1])) for n in cast("dict[str, list[str]]", state).values()}
    if not names:
        return ()
    found = (_claim_of(archive, v) for v in rows.versions(rows.named(names)))
    return tuple(c for c in found if c is not None)


def _claim_of(archive: Archive, version: Version) -> Filtered | None:
    key = _key(version)
    data = archive.get(key)
    if data is None:
        return None
    try:
        raw = cast("dict[str, Any]", json.loads(data))
        namespace, name = raw["mixed"]
        sources = tuple(RowSource(*s) for s in raw["sources"])
        claim = Filtered(Version(*raw["version"]), (namespace, name), sources, raw["data_digest"])
        if claim.version != version:
            raise ValueError("it was filed under another version")
    except (ValueError, KeyError, TypeError) as error:
        raise LedgerError(
            f"what is claimed of a quarantine cannot be read: {error}",
            where=archive.describe(key),
            fix="delete the file and materialize the quarantine again",
        ) from error
    return claim


def _key(version: Version) -> str:
    return f"evidence/filtered/{key_of(version).hex()}.json"
