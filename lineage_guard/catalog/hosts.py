"""Which model service answers on a host: the channels of the terms, and services that have no terms here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, cast

from lineage_guard.catalog.documents import Document
from lineage_guard.catalog.entries import HOSTED, RESELLER, Entry
from lineage_guard.catalog.patterns import Pattern, channel_patterns


class Service(NamedTuple):
    """A model service and the hosts it answers on."""

    provider: str
    hosts: tuple[Pattern, ...]


def services_of(document: Document) -> list[Service]:
    """The services under ``hosts`` of one catalog file that has been checked against its schema."""
    rows = cast("list[Mapping[str, Any]]", document.value.get("hosts", []))
    return [Service(row["provider"].lower(), channel_patterns(row["hosts"])) for row in rows]


class ModelHosts:
    """Names the model service on a host.

    Args:
        entries: terms; the channels of hosted services and resellers are hosts.
        services: further services.

    Example:
        >>> from lineage_guard.catalog import load_catalog
        >>> hosts = load_catalog().hosts
        >>> hosts.provider_of("api.openai.com"), hosts.provider_of("pypi.org")
        ('openai', None)
    """

    def __init__(self, entries: Iterable[Entry], services: Iterable[Service]) -> None:
        offered = [_service(e) for e in entries if e.terms.kind in (HOSTED, RESELLER)]
        self.services = (*offered, *services)
        self.provider_of = lru_cache(maxsize=4096)(self._provider_of)

    def _provider_of(self, host: str) -> str | None:
        name = host.lower().rstrip(".")
        return next((s.provider for s in self.services if any(p.matches(name) for p in s.hosts)), None)


def _service(entry: Entry) -> Service:
    named = entry.terms.provider.lower()
    provider = named if named in entry.providers else min(entry.providers, key=lambda p: (len(p), p))
    return Service(provider, tuple(p for p in entry.channels if "." in p.text))
