"""Catalog entries: terms as the domain knows them, and which models and channels they govern."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

from lineage_guard.catalog.documents import Document
from lineage_guard.catalog.patterns import Pattern, channel_patterns, id_patterns
from lineage_guard.domain.rules.terms import Above, Confidence, Effect, Limits, Restriction, Terms

HOSTED = "hosted_service"
RESELLER = "reseller"
SELF_HOSTED = "self-hosted"
#: Said of an entry that was written from memory, after its summary.
UNREAD = "Nobody has read this text, so it permits nothing."


@dataclass(frozen=True, eq=False)
class Entry:
    """One entry: its terms and how to tell that they apply.

    Attributes:
        terms: what the owner allows.
        providers: names under which people declare this owner or service, lower case.
        models: patterns of the model ids it governs.
        excluding: patterns of ids that look alike but are governed elsewhere.
        routes: id prefixes that name this service, e.g. ``"openrouter/"``.
        channels: patterns of the hosts it answers on, or ``self-hosted``.
        stacks: whether the model owner's terms bind besides these.
        consumer_app: whether it is a chat app for people, which no program calls.
        only_when_named: whether it holds only for models that name it, like a negotiated agreement.
        whole_channel: whether these terms bind whatever model answers on the channel.
        series: entries that are versions of one text share it; the date chooses.
        effective_until: last day of this version, when it is known.
        outputs: what the text says of outputs, question by question.
        exceptions: uses that the restriction itself leaves open.
        upstream: what a derivative was made from.
        license_aliases: other identifiers of the same text.
        note: what a reader should know about how sure the facts are.
    """

    terms: Terms
    providers: frozenset[str]
    models: tuple[Pattern, ...]
    excluding: tuple[Pattern, ...] = ()
    routes: tuple[str, ...] = ()
    channels: tuple[Pattern, ...] = ()
    stacks: bool = False
    whole_channel: bool = False
    consumer_app: bool = False
    only_when_named: bool = False
    series: str | None = None
    effective_until: date | None = None
    outputs: Mapping[str, str] | None = None
    exceptions: tuple[str, ...] = ()
    upstream: tuple[str, ...] = ()
    license_aliases: tuple[str, ...] = ()
    note: str | None = None

    @property
    def self_hosted(self) -> bool:
        """Whether the terms are of weights that anyone can run."""
        return any(p.text == SELF_HOSTED for p in self.channels)


def entries_of(document: Document) -> tuple[Entry, ...]:
    """The entries of one catalog file that has been checked against its schema."""
    rows = cast("list[Mapping[str, Any]]", document.value.get("terms", []))
    found: list[Entry] = []
    for i, row in enumerate(rows):
        try:
            found.append(_entry(row))
        except ValueError as problem:
            raise document.fail(str(problem), ("terms", i), "mend the entry") from problem
    return tuple(found)


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _limits(row: Mapping[str, Any]) -> Limits:
    return Limits(
        monthly_users=row.get("monthly_active_users"),
        annual_revenue_usd=row.get("annual_revenue_usd"),
        regions_excluded=tuple(row.get("regions_excluded", ())),
        above=Above(row.get("above", "license")),
    )


def _effects(row: Mapping[str, Any], confidence: Confidence) -> dict[str, Effect]:
    """What follows for each use: a permission that nobody has read is none, a bar is believed."""
    said = {use: Effect.parse(effect) for use, effect in row["effects"].items()}
    if confidence is not Confidence.MEMORY:
        return said
    return {use: max(effect, Effect.UNKNOWN) for use, effect in said.items()}


def _entry(row: Mapping[str, Any]) -> Entry:
    providers = frozenset(str(p).lower() for p in row.get("providers", ()))
    confidence = Confidence(row["confidence"])
    terms = Terms(
        id=row["id"],
        provider=row["provider"],
        kind=row["kind"],
        license=row["license"],
        effects=_effects(row, confidence),
        restrictions=frozenset(Restriction(r) for r in row.get("restrictions", ())),
        obligations=tuple(row.get("obligations", ())),
        summary=row["summary"] if confidence is not Confidence.MEMORY else f"{row['summary']} {UNREAD}",
        url=row.get("url"),
        effective_from=_day(row.get("effective_from")),
        terms_version=row.get("terms_version"),
        confidence=confidence,
        date_read=_day(row.get("date_read")),
        source=row.get("source"),
        limits=_limits(row["limits"]) if "limits" in row else None,
        permitted_families=tuple(row.get("permitted_families", ())),
    )
    return Entry(
        terms=terms,
        providers=providers,
        models=id_patterns(row["models"], providers),
        excluding=id_patterns(row.get("excluding", ()), providers),
        routes=tuple(r.lower() for r in row.get("routes", ())),
        channels=channel_patterns(row["channels"]),
        stacks=bool(row.get("stacks_on_owner_terms", False)),
        whole_channel=bool(row.get("binds_whole_channel", False)),
        consumer_app=bool(row.get("consumer_app", False)),
        only_when_named=bool(row.get("only_when_named", False)),
        series=row.get("series"),
        effective_until=_day(row.get("effective_until")),
        outputs=row.get("outputs"),
        exceptions=tuple(row.get("exceptions", ())),
        upstream=tuple(row.get("upstream", ())),
        license_aliases=tuple(row.get("license_aliases", ())),
        note=row.get("note"),
    )
