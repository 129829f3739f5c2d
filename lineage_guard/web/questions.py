"""What the path view asks a ledger. No web framework in here: functions from an open ledger to what is shown.

Every answer is about the newest state of the ledger, events included that its index does not cover yet. A
question that cannot be answered whole raises; nothing is left out without a word.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from lineage_guard.domain.facts import Version
from lineage_guard.domain.verdict.decide import Decision
from lineage_guard.web.contents import (
    ExplanationView,
    ImpactRow,
    Page,
    Rules,
    VerdictRow,
    VerdictView,
    VersionKind,
    VersionRow,
    WaiversView,
)
from lineage_guard.web.graph.drawn import PathGraph

if TYPE_CHECKING:
    from lineage_guard.alerts.standing import Standing
    from lineage_guard.catalog import Catalog
    from lineage_guard.ledger import Ledger

#: Nodes of a path graph at most; what is beyond is counted.
DRAWN = 200
#: Versions upstream up to which a page looks unasked for what would let a version go. Ten times as many take seconds.
SOUGHT = 10_000


def verdicts(
    ledger: Ledger,
    *,
    text: str = "",
    decision: Decision | None = None,
    asset: tuple[str, str] | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[VerdictRow]:
    """Verdicts on record, newest first.

    Args:
        ledger: the ledger.
        text: only those with this in asset, partition, run, rule, model, use or policy; case does not matter,
            and every sign means itself.
        decision: only these.
        asset: only those on one asset: (namespace, name).
        after: ``Page.after`` of the page before.
        limit: rows of a page at most.

    Raises:
        ConfigError: ``after`` is no place in this list.
        LedgerError: the ledger cannot be read.
    """
    from lineage_guard.web.answers import listing

    return listing.verdicts(ledger, text=text, decision=decision, asset=asset, after=after, limit=limit)


def counts(ledger: Ledger, *, text: str = "") -> Mapping[Decision | None, int]:
    """How many verdicts there are of each decision; ``None`` for those that cannot be understood.

    Args:
        ledger: the ledger.
        text: as for ``verdicts``.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    from lineage_guard.web.answers import listing

    return listing.counts(ledger, text=text)


def versions(
    ledger: Ledger,
    *,
    text: str = "",
    kind: VersionKind | None = None,
    asset: tuple[str, str] | None = None,
    partition: str | None = None,
    catalog: Catalog | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[VersionRow]:
    """Versions on record, of data and of models, newest first; those without a time come last.

    Args:
        ledger: the ledger.
        text: only those with this in ``namespace:name[partition]@run``; case does not matter, and every sign
            means itself. The last eight digits of a run do, too.
        kind: only these.
        asset: only those of one dataset or model: (namespace, name).
        partition: only those of one partition.
        catalog: says which are public models.
        after: ``Page.after`` of the page before.
        limit: rows of a page at most.

    Raises:
        ConfigError: ``after`` is no place in this list.
        LedgerError: the ledger cannot be read.
    """
    from lineage_guard.web.answers import listing

    return listing.versions(
        ledger, text=text, kind=kind, asset=asset, partition=partition, catalog=catalog, after=after, limit=limit
    )


def verdict(
    ledger: Ledger, namespace: str, name: str, partition: str | None = None, run: str | None = None
) -> VerdictView | None:
    """One verdict in full, as it is on record: the newest on a version.

    Args:
        ledger: the ledger.
        namespace: OpenLineage namespace of the asset.
        name: OpenLineage name of the asset.
        partition: its partition; only asked for when there is no run.
        run: the asset run; ``None`` for the newest verdict on the partition.

    Returns:
        ``None`` when none is on record.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    from lineage_guard.web.answers import recorded

    return recorded.verdict(ledger, namespace, name, partition, run)


def path_graph(
    ledger: Ledger, rules: Rules, version: Version, *, at: datetime, use: str | None = None, most: int = DRAWN
) -> PathGraph | None:
    """Everything between a version and what the rules find upstream of it: sources, public ancestry, the way.

    Args:
        ledger: the ledger.
        rules: what is judged by.
        version: the trained version, or the one that a stopped run would have written.
        at: the time (timezone-aware UTC).
        use: what it is for; ``None`` for what the newest verdict on it says.
        most: nodes at most.

    Returns:
        ``None`` when nothing is on record of its making.

    Raises:
        LedgerError: the ledger cannot be read.
        WaiverError: the waivers cannot be read.
    """
    from lineage_guard.web.graph import paths

    return paths.path_graph(ledger, rules, version, at=at, use=use, most=most)


def explanation(
    ledger: Ledger,
    rules: Rules,
    version: Version,
    *,
    at: datetime,
    use: str | None = None,
    most: int | None = None,
) -> ExplanationView | None:
    """What is thought of a version now, why, and what would let it go.

    Args:
        ledger: the ledger.
        rules: what is judged by.
        version: the trained version, or the one that a stopped run would have written.
        at: the time (timezone-aware UTC).
        use: what it is for; ``None`` for what the newest verdict on it says.
        most: versions upstream up to which ways and changes are looked for, see ``ExplanationView.unsought``; ``None``
            for however many.

    Returns:
        ``None`` when nothing is on record of its making.

    Raises:
        LedgerError: the ledger cannot be read.
        SuiteError: a suite cannot be loaded.
        WaiverError: the waivers cannot be read.
    """
    from lineage_guard.web.graph import paths

    return paths.explanation(ledger, rules, version, at=at, use=use, most=most)


def impact(
    ledger: Ledger,
    *,
    version: Version | None = None,
    model: str | None = None,
    provider: str = "*",
    after: str | None = None,
    limit: int = 50,
) -> Page[ImpactRow]:
    """What is downstream of a version or of a model, trained versions first, then nearest first.

    Args:
        ledger: the ledger.
        version: where to start.
        model: start at every version made with a model of this id, a shell pattern.
        provider: a shell pattern for who offers that model.
        after: ``Page.after`` of the page before.
        limit: rows of a page at most.

    Raises:
        ConfigError: ``after`` is no place in this list.
        LedgerError: the ledger cannot be read.
    """
    from lineage_guard.web.answers import downstream

    return downstream.impact(ledger, version=version, model=model, provider=provider, after=after, limit=limit)


def waivers(rules: Rules, at: datetime) -> WaiversView:
    """The file of waivers: what holds, what ends soon, what is asked for, what is over.

    Args:
        rules: names the file.
        at: the time (timezone-aware UTC).
    """
    from lineage_guard.web.answers import waived

    return waived.waivers(rules.waivers, at)


def incidents(ledger: Ledger) -> tuple[Standing, ...]:
    """Every open incident, oldest first; see ``alerts.standing``.

    Raises:
        LedgerError: the ledger cannot be read, or the state of a sensor cannot be understood.
    """
    from lineage_guard.alerts.standing import standing

    return standing(ledger)


def report_bytes(ledger: Ledger, rules: Rules, version: Version, format_: str) -> bytes:
    """The audit report on a trained version, as ``lineage-guard report`` makes it.

    Args:
        ledger: the ledger.
        rules: what is judged by again.
        version: the version.
        format_: one of ``report.rendering.FORMATS``.

    Raises:
        ConfigError: the version is not on record, or the extra ``report`` is missing.
        LedgerError: the ledger cannot be read.
        WaiverError: the waivers cannot be read.
    """
    from lineage_guard.web.answers import documents

    return documents.report_bytes(ledger, rules, version, format_)
