"""Rows evidence as the gate asks for it: what is demanded, what is attested, and what can still be run."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import dagster as dg

from lineage_guard.dagster.rows.found import rows_checks
from lineage_guard.dagster.rows.suite_check import RowsCheck, newest
from lineage_guard.domain.facts import Version
from lineage_guard.domain.verdict.attested import Attestation, Demand
from lineage_guard.domain.verdict.evidence import Evidence
from lineage_guard.explaining.answering import OnRecord
from lineage_guard.gx.evidence import UNKNOWN_DIGEST

if TYPE_CHECKING:
    from lineage_guard.ledger import Ledger


class NotAsked:
    """For what was trained already: rows evidence is asked for before training, and not after."""

    def demands(self) -> tuple[Demand, ...]:
        """None."""
        return ()

    def attested(self, demand: Demand, version: Version) -> Attestation | None:
        """None."""
        return None

    def waits(self, demand: Demand, version: Version) -> bool:
        """Never."""
        return False


class OfDeployment:
    """What the definitions of a code location say, and the ledger for all others.

    Args:
        instance: the Dagster instance.
        graph: the full asset graph of the code location.
        ledger: the ledger.
        namespace: OpenLineage namespace.
        at: the time (timezone-aware UTC).
        location: name of the code location; ``None`` where it is not known.
        runs: whether a suite without evidence is run here.
        patient: whether the newest version may still lack evidence: nothing trains on the answer, and the
            check or the gate will run the suite.

    Attributes:
        waited: whether something was waited for.
    """

    def __init__(
        self,
        instance: dg.DagsterInstance,
        graph: Any,
        ledger: Ledger,
        namespace: str,
        at: datetime,
        location: str | None = None,
        runs: bool = False,
        patient: bool = False,
    ) -> None:
        self._instance = instance
        self._graph = graph
        self._ledger = ledger
        self._namespace = namespace
        self._at = at
        self._location = location
        self._runs = runs
        self._patient = patient
        self.waited = False
        self._record = OnRecord(ledger)
        self._checks = {c.demand()[:3]: c for c in rows_checks(graph) if c.blocking}

    def demands(self) -> tuple[Demand, ...]:
        """What this code location demands now, and what others are on record for.

        What this location once demanded and no longer does is not asked for: its check was taken away
        in reviewed code.

        Raises:
            LedgerError: when the record cannot be read.
        """
        mine = {key: check.demand(self._location or "") for key, check in self._checks.items()}
        for demand in self._record.demands():
            # Where nobody knows which location this is, a demand on record stands.
            gone = self._location is not None and demand.location == self._location
            if demand[:3] not in mine and not gone:
                mine[demand[:3]] = demand
        return tuple(mine.values())

    def note(self) -> None:
        """Put on record what this code location demands, and take off what it no longer does.

        Raises:
            LedgerError: when the record cannot be read or written.
        """
        from lineage_guard.ledger.archive.attesting import Attestations

        attestations = Attestations(self._ledger.archive)
        before = {d[:3]: d for d in attestations.demands()}
        mine = {key: check.demand(self._location or "") for key, check in self._checks.items()}
        for key, demand in mine.items():
            if before.get(key) != demand:
                attestations.demand(demand, self._at)
        for key, demand in before.items():
            if self._location is not None and demand.location == self._location and key not in mine:
                attestations.withdraw(demand, self._at)

    def attested(self, demand: Demand, version: Version) -> Attestation | None:
        """The attestation on record that counts; else the suite is run where that can be done here.

        Raises:
            LedgerError: when the ledger cannot be read or written.
        """
        found = self._record.attested(demand, version)
        if found is not None and found.evidence.suite_digest == demand.suite_digest:
            return found
        check = self._checks.get(demand[:3])
        if not self._runs or check is None or not check.opens_anywhere:
            return found
        return self._gathered(check, version) or found

    def waits(self, demand: Demand, version: Version) -> bool:
        """Whether the version is the newest, when this was asked to be patient."""
        key = dg.AssetKey(demand.name.split("/"))
        newer = newest(self._instance, self._graph, key, self._namespace, self._ledger) if self._patient else ()
        self.waited |= version in newer
        return version in newer

    def _gathered(self, check: RowsCheck, version: Version) -> Attestation | None:
        key, ledger = check.key, self._ledger
        if version not in newest(self._instance, self._graph, key, self._namespace, ledger):
            return None
        try:
            rows, models = check.rows(), check.models(self._instance, self._graph)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must become a reason to block
            said = f"{type(error).__name__}: {error}"
            return Attestation(version, check.name, _not_run(check, self._at, said))
        evidence, _, versions = check.attest(
            self._instance, self._graph, ledger, lambda: check.examine(rows, models, ledger, self._at), self._at
        )
        # What could not be run is said as it is, though it is not on record.
        return Attestation(version, check.name, evidence) if version in versions or evidence.error else None


def _not_run(check: RowsCheck, at: datetime, why: str) -> Evidence:
    suite = check.suite
    digests = (suite.digest, UNKNOWN_DIGEST, UNKNOWN_DIGEST)
    return Evidence(suite.name, *digests, False, 0, len(suite.expectations), at, error=why[:1000])
