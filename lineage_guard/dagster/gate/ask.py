"""What the gate would answer now, asked from outside a step. Reads what a step would read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, cast

import dagster as dg

from lineage_guard.dagster.asset_facts import facts_of
from lineage_guard.dagster.collect.collect import collect_upstream
from lineage_guard.dagster.events import EventLog, name_of
from lineage_guard.dagster.modes import ENFORCED, Modes, assigned, training_keys
from lineage_guard.dagster.pins.history import History
from lineage_guard.dagster.pins.recorded import LedgerRecords
from lineage_guard.dagster.pins.resolve import Pins, graph_of
from lineage_guard.dagster.pins.step import upcoming
from lineage_guard.dagster.rows.evidence import OfDeployment
from lineage_guard.domain.errors import ConfigError
from lineage_guard.domain.facts import Production, Version
from lineage_guard.domain.rules.assets import AssetFacts
from lineage_guard.domain.rules.policy import Policy
from lineage_guard.domain.rules.waivers import Waivers
from lineage_guard.domain.verdict.runs import ParentRun
from lineage_guard.explaining.answering import Answer, Reader, Request, check

if TYPE_CHECKING:
    from lineage_guard.catalog import Catalog
    from lineage_guard.ledger import Ledger


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes:
        name: OpenLineage name of the asset.
        use: what it is for.
        partition: partition key, or ``None``.
        namespace: OpenLineage namespace.
        policy: rules and terms.
        waivers: accepted risks.
        at: the time (timezone-aware UTC).
        modes: whether the asset is held to the answer.
    """

    name: str
    use: str
    partition: str | None
    namespace: str
    policy: Policy
    waivers: Waivers
    at: datetime
    modes: Modes = ENFORCED


def ask_deployment(
    question: Question, instance: dg.DagsterInstance, asset_graph: object, ledger: Ledger, catalog: Catalog
) -> Answer:
    """Ask as if a step that writes the asset began now.

    Args:
        question: what is asked.
        instance: its event log says what the step would read.
        asset_graph: the asset graph of the code location.
        ledger: what it lacks of the upstream is collected into it, as the gate does.
        catalog: public ancestry and terms.

    Raises:
        ConfigError: the partition does not fit the asset.
        LedgerError: the ledger cannot be read or written.
    """
    graph = graph_of(asset_graph)
    key = dg.AssetKey.from_user_string(question.name)
    definition = graph.get(key).partitions_def
    if definition is not None and question.partition is None:
        raise ConfigError("this asset is partitioned", where=question.name, fix="name a partition with --partition")
    if definition is None and question.partition is not None:
        raise ConfigError("this asset has no partitions", where=question.name, fix="leave --partition out")
    if definition is not None and question.partition not in definition.get_partition_keys(
        dynamic_partitions_store=instance
    ):
        raise ConfigError(
            f"it has no partition {question.partition!r}", where=question.name, fix="check the key in the Dagster UI"
        )
    log = EventLog(instance)
    pins = Pins(log, History(log), graph, question.namespace, LedgerRecords(ledger, question.namespace))
    output = Version(question.namespace, name_of(key), question.partition)
    parent = ParentRun("", question.namespace, "")
    step = upcoming(key, (output,), pins, graph, question.at, log.head(), parent)
    collected = collect_upstream(instance, graph, ledger, step.reads, namespace=question.namespace, now=question.at)
    blind = (*step.blind, *collected.blind)
    # An asset without the tag, asked about all the same, is one that no entry covers.
    mode = assigned(question.modes, graph, training_keys(graph)).get(key, question.modes.rest)
    rows = OfDeployment(instance, graph, ledger, question.namespace, question.at, runs=True)
    facts = facts_of(graph, key)
    request = Request(
        step.target, question.use, question.policy, question.at, question.waivers, blind, mode, rows, facts
    )
    return check(request, ledger, catalog)


def ask_ledger(question: Question, ledger: Ledger, catalog: Catalog) -> list[Answer]:
    """Ask about the newest versions on record, from the ledger alone. Writes nothing.

    Without definitions nobody knows what the next run would read, so this judges what the
    newest versions were made from; where a later run asked the gate, what that was about to read.

    Args:
        question: what is asked; without a partition, each partition is answered.
        ledger: the only source.
        catalog: public ancestry and terms.

    Raises:
        ConfigError: the ledger holds no version of it.
        LedgerError: the ledger cannot be read.
    """
    from lineage_guard.ledger import ANY
    from lineage_guard.ledger.asking.attempted import attempts
    from lineage_guard.ledger.asking.judged_assets import judged_assets

    partition = ANY if question.partition is None else question.partition
    latest = ledger.latest(question.namespace, question.name, partition)
    known = ledger.productions(latest)
    later = attempts(ledger, (question.namespace, question.name), known)
    later = {v: p for v, p in later.items() if question.partition in (None, v.partition)}
    again = {v.partition for v in later}
    made = {**{v: known[v] for v in latest if v.partition not in again}, **later}
    versions = sorted(made, key=lambda v: v.partition or "")
    if not versions:
        raise ConfigError(
            "the ledger holds no version of this asset",
            where=f"{question.namespace}:{question.name}",
            fix="name the code that defines it with -m, -f or -w; or is it written otherwise, or of another ledger",
        )
    reader = cast("Ledger", Reader(ledger))
    facts = ledger.ask(lambda index, tail: judged_assets(index, tail, versions))
    return [check(_request(question, v, made[v], facts.get(v)), reader, catalog) for v in versions]


def _request(question: Question, version: Version, made: Production, facts: AssetFacts | None) -> Request:
    from dataclasses import replace

    others: Sequence[Version] = [v for v in made.outputs if v != version]
    target = replace(made, outputs=(version, *others))
    return Request(target, question.use, question.policy, question.at, question.waivers, asset=facts)
