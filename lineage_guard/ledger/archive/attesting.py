"""Where attestations are kept, and which assets must have them: small documents beside the log."""

from __future__ import annotations

import json
from datetime import datetime
from hashlib import sha256
from typing import Any, cast

from lineage_guard.domain.errors import LedgerError
from lineage_guard.domain.facts import Version
from lineage_guard.domain.lineage.reached import key_of
from lineage_guard.domain.verdict.attested import Attestation, Demand
from lineage_guard.domain.verdict.evidence import evidence_key
from lineage_guard.ledger.archive import demands as demanding
from lineage_guard.ledger.archive import evidence as filing
from lineage_guard.ledger.archive.archive import Archive


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

    def file(self, attestation: Attestation, at: datetime | None = None) -> None:
        """Keep an attestation; a later one of the same version and check takes its place, and it stays for reports.

        Args:
            attestation: the attestation.
            at: when it is filed (timezone-aware); ``None`` for when its evidence was gathered, which may have been
                on the same rows of an older version.

        Raises:
            LedgerError: when the archive cannot be read or written.
        """
        said = {
            "version": list(attestation.version),
            "check": attestation.check,
            "evidence": json.loads(filing.dump(attestation.evidence)),
        }
        key = _key(attestation.version, attestation.check)
        before = self._archive.get(key)
        if before is not None:
            if _says(before) == said:
                return  # since when it is known is of use to a report, and does not change
            self._archive.put(f"{_former(key)}{sha256(before).hexdigest()[:32]}.json", before)
        filed = at or attestation.evidence.at
        self._archive.put(key, json.dumps({**said, "filed": filed.isoformat()}, sort_keys=True, indent=1).encode())

    def find(self, version: Version, check: str, by: datetime | None = None) -> Attestation | None:
        """The last attestation of a version by a check, or ``None``.

        Args:
            version: the version.
            check: name of the asset check.
            by: of those that were filed by then (timezone-aware); ``None`` for all.

        Raises:
            LedgerError: when it is there but cannot be read, or speaks of something else.
        """
        key = _key(version, check)
        data = self._archive.get(key)
        if data is None:
            return None
        found, filed = self._read(key, data, version, check)
        if by is None or filed <= by:
            return found
        former: list[tuple[datetime, str, Attestation]] = []
        for older in self._archive.list(_former(key)):
            data = self._archive.get(older)
            if data is not None:
                found, filed = self._read(older, data, version, check)
                former += [(filed, older, found)] if filed <= by else []
        return max(former)[2] if former else None

    def demand(self, demand: Demand, at: datetime | None = None) -> None:
        """Note that an asset's rows must have passed a check, for gates that cannot see its definition.

        Args:
            demand: the demand.
            at: since when (timezone-aware); ``None`` for ever.

        Raises:
            LedgerError: when the archive cannot be read or written.
        """
        demanding.note(self._archive, demand, True, at)

    def withdraw(self, demand: Demand, at: datetime | None = None) -> None:
        """Take a demand back: its check is gone, or no longer blocks.

        Args:
            demand: the demand.
            at: since when (timezone-aware); ``None`` for ever.

        Raises:
            LedgerError: when the archive cannot be read or written.
        """
        demanding.note(self._archive, demand, False, at)

    def demands(self, by: datetime | None = None) -> tuple[Demand, ...]:
        """Every demand that was noted, sorted.

        Args:
            by: as it was then (timezone-aware); ``None`` for now.

        Raises:
            LedgerError: when they cannot be read.
        """
        return demanding.noted(self._archive, by)

    def _read(self, key: str, data: bytes, version: Version, check: str) -> tuple[Attestation, datetime]:
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
            return found, datetime.fromisoformat(raw["filed"]) if "filed" in raw else parsed.at
        except (ValueError, KeyError, TypeError) as error:
            raise LedgerError(
                f"an attestation cannot be read: {error}",
                where=where,
                fix="delete the file and run the asset check again",
            ) from error


def _says(data: bytes) -> object:
    """What a document says, but for when it was filed; nothing when it cannot be read, so that it is replaced."""
    try:
        return {k: v for k, v in cast("dict[str, Any]", json.loads(data)).items() if k != "filed"}
    except (ValueError, AttributeError):
        return None


def _former(key: str) -> str:
    """Where the attestations are that another took the place of."""
    return f"{key.removesuffix('.json')}/"


def _key(version: Version, check: str) -> str:
    return f"evidence/rows/{sha256(key_of(version) + check.encode()).hexdigest()}.json"
