"""What the ledger knows already, for the questions that Dagster's event log can no longer answer."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol

from lineage_guard.dagster.compat import BaseAssetNode
from lineage_guard.dagster.declare import declaration_of
from lineage_guard.dagster.events import name_of
from lineage_guard.domain.errors import DeclarationError
from lineage_guard.domain.facts import Version
from lineage_guard.domain.verdict.runs import declared_run_id

if TYPE_CHECKING:
    from lineage_guard.ledger import Ledger


class Known(NamedTuple):
    """A version on record, and when it was made."""

    version: Version
    at: datetime | None


class Recorded(Protocol):
    """Answers from what was collected before."""

    def newest(self, name: str) -> dict[str | None, Known]:
        """The newest version on record of each partition of an asset."""
        ...


class NothingRecorded:
    """For a question that is asked of the event log alone."""

    def newest(self, name: str) -> dict[str | None, Known]:
        """None at all."""
        return {}


class LedgerRecords:
    """What a ledger knows, asked once for each asset.

    Args:
        ledger: the ledger.
        namespace: OpenLineage namespace of this deployment's assets.
    """

    def __init__(self, ledger: Ledger, namespace: str) -> None:
        self._ledger = ledger
        self._namespace = namespace
        self._found: dict[str, dict[str | None, Known]] = {}

    def newest(self, name: str) -> dict[str | None, Known]:
        """The newest version on record of each partition of an asset.

        Raises:
            LedgerError: when the ledger cannot be read.
        """
        if name not in self._found:
            versions = self._ledger.latest(self._namespace, name)
            made = self._ledger.productions(versions) if versions else {}
            self._found[name] = {v.partition: Known(v, made[v].produced_at if v in made else None) for v in versions}
        return self._found[name]


def declared_version(node: BaseAssetNode, namespace: str) -> Version:
    """The version of an asset that this deployment does not make: one for each thing declared of it.

    Args:
        node: the asset in the graph.
        namespace: OpenLineage namespace of this deployment's assets.
    """
    name = name_of(node.key)
    try:
        declaration = declaration_of(node.metadata, name)
        said = json.dumps(declaration.to_json() if declaration else None, sort_keys=True)
    except DeclarationError as error:
        said = f"unreadable: {error.what}"
    parents = sorted(name_of(k) for k in node.parent_keys)
    return Version(namespace, name, None, declared_run_id(name, json.dumps([said, parents])))
