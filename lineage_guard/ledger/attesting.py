"""Where attestations are kept, and which assets must have them: small documents beside the log."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any, cast

from lineage_guard.domain.attested import Attestation, Demand
from lineage_guard.domain.errors import LedgerError
from lineage_guard.domain.evidence import evidence_key
from lineage_guard.domain.facts import Version
from lineage_guard.domain.reached import key_of
from lineage_guard.ledger import evidence as filing
from lineage_guard.ledger import states
from lineage_guard.ledger.archive import Archive

_DEMANDS = "rows_checks"
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

    def _change(self, demand: Demand, value: dict[str, str] | None) -> None:
        name = json.dumps([demand.namespace, demand.name, demand.check])
        for _ in range(_TRIES):
            old = states.load(self._archive, _DEMANDS)
            new = {**(old or {}), name: value}
            if value is None:
                del new[name]
            if new == (old or {}) or states.swap(self._archive, _DEMANDS, old, cast("dict[str, object]", new)):
                return
        raise LedgerError(
            "too many processes note rows checks at once",
            where=self._archive.location,
            fix="run the asset check again",
        )


def _key(version: Version, check: str) -> str:
    return f"evidence/rows/{sha256(key_of(version) + check.encode()).hexdigest()}.json"
