"""Where attestations are kept, and which assets must have them: small documents beside the log."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any, cast

from lineage_guard.domain.attested import Attestation, Demand
from lineage_guard.domain.errors import LedgerError
from lineage_guard.domain.evidence import evidence_key
from lineage_guard.domain.facts import Version
from lineage_guard.domain.filtering import Filtered, RowSource
from lineage_guard.domain.reached import Rows, key_of
from lineage_guard.ledger import evidence as filing
from lineage_guard.ledger import states
from lineage_guard.ledger.archive import Archive

_DEMANDS = "rows_checks"
_SPLIT = "quarantines"
_TRIES = 20


class Attestations:
    """Rows evidence by version, in the archive of a ledger.

    Args:
        archive: of the ledger, ``ledger.archive``.

    Example:
        >>> import tempfile
        >>> from lineage_guard.ledger import open_ledger
        >>> Attestations(open_ledger(tempfile.mkdtemp()).archive).find(Version("d", "answers"), "rows") is None
        True
    """

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def file(self, attestation: Attestation) -> None:
        """Keep an attestation; a later one of the same version and check replaces it.

        Raises:
            LedgerError: when the archive cannot be written.
        """
        document = {
            "version": list(attestation.version),
            "check": attestation.check,
            "evidence": json.loads(filing.dump(attestation.evidence)),
        }
        key = _key(attestation.version, attestation.check)
        self._archive.put(key, json.dumps(document, sort_keys=True, indent=1).encode())

    def find(self, version: Version, check: str) -> Attestation | None:
        """The last attestation of a version by a check, or ``None``.

        Raises:
            LedgerError: when it is there but cannot be read, or speaks of something else.
        """
        key = _key(version, check)
        data = self._archive.get(key)
        if data is None:
            return None
        where = self._archive.describe(key)
        try:
            raw = cast("dict[str, Any]", json.loads(data))
            evidence = cast("dict[str, Any]", raw["evidence"])
            names = ("suite_digest", "subject_digest", "parameters_digest")
            filed = evidence_key(*(str(evidence[n]) for n in names))
            parsed = filing.parse(json.dumps(evidence).encode(), filed, where)
            found = Attestation(Version(*raw["version"]), str(raw["check"]), parsed)
            if (found.version, found.check) != (version, check):
                raise ValueError("it was filed under another version")
        except (ValueError, KeyError, TypeError) as error:
            raise LedgerError(
                f"an attestation cannot be read: {error}",
                where=where,
                fix="delete the file and run the asset check again",
            ) from error
        return found

    def demand(self, demand: Demand) -> None:
        """Note that an asset's rows must have passed a check, for gates that cannot see its definition.

        Raises:
            LedgerError: when the archive cannot be read or written.
        """
        self._change(demand, dict(demand._asdict()))

    def withdraw(self, demand: Demand) -> None:
        """Take a demand back: its check is gone, or no longer blocks.

        Raises:
            LedgerError: when the archive cannot be read or written.
        """
        self._change(demand, None)

    def demands(self) -> tuple[Demand, ...]:
        """Every demand that was noted, sorted.

        Raises:
            LedgerError: when they cannot be read.
        """
        state = states.load(self._archive, _DEMANDS) or {}
        try:
            return tuple(sorted(Demand(**cast("dict[str, str]", value)) for value in state.values()))
        except TypeError as error:
            raise LedgerError(
                f"the assets that need rows evidence cannot be read: {error}",
                where=self._archive.describe(f"state/{_DEMANDS}.json"),
                fix="delete the file and run the asset checks again",
            ) from error

    def claim(self, claim: Filtered) -> None:
        """Keep the claim that a version holds the permitted rows of a mixed table. It is worth its evidence.

        Raises:
            LedgerError: when the archive cannot be read or written.
        """
        document = {
            "version": list(claim.version),
            "mixed": list(claim.mixed),
            "sources": [list(s) for s in claim.sources],
            "data_digest": claim.data_digest,
        }
        self._archive.put(_claim_key(claim.version), json.dumps(document, sort_keys=True, indent=1).encode())
        name = [claim.version.namespace, claim.version.name]
        self._swap(_SPLIT, lambda old: {**old, json.dumps(name): name})

    def claims(self, rows: Rows) -> tuple[Filtered, ...]:
        """The claims about versions of a closure.

        Args:
            rows: of the closure.

        Raises:
            LedgerError: when there is one that cannot be read.
        """
        state = states.load(self._archive, _SPLIT) or {}
        names = {(str(n[0]), str(n[1])) for n in cast("dict[str, list[str]]", state).values()}
        if not names:
            return ()
        found = (self._claim_of(v) for v in rows.versions(rows.named(names)))
        return tuple(c for c in found if c is not None)

    def _claim_of(self, version: Version) -> Filtered | None:
        key = _claim_key(version)
        data = self._archive.get(key)
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
                where=self._archive.describe(key),
                fix="delete the file and materialize the quarantine again",
            ) from error
        return claim

    def _change(self, demand: Demand, value: dict[str, str] | None) -> None:
        name = json.dumps([demand.namespace, demand.name, demand.check])
        rest = {} if value is None else {name: value}
        self._swap(_DEMANDS, lambda old: {**{k: v for k, v in old.items() if k != name}, **rest})

    def _swap(self, state: str, changed: Callable[[dict[str, object]], dict[str, object]]) -> None:
        for _ in range(_TRIES):
            old = states.load(self._archive, state)
            new = changed(old or {})
            if new == (old or {}) or states.swap(self._archive, state, old, new):
                return
        raise LedgerError(
            "too many processes note what they check at once",
            where=self._archive.location,
            fix="run the step again",
        )


def _claim_key(version: Version) -> str:
    return f"evidence/filtered/{key_of(version).hex()}.json"


def _key(version: Version, check: str) -> str:
    return f"evidence/rows/{sha256(key_of(version) + check.encode()).hexdigest()}.json"
