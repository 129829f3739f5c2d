"""Which terms bind a model that was reached through a channel on a day. Pure.

The key is (model id, channel, generation date). Whatever is not known is answered with every
candidate that may apply, and said to be unresolved when that is not enough: a guess that
loosens is the one thing this module never makes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

from lineage_guard.catalog.entries import HOSTED, RESELLER, SELF_HOSTED, Entry
from lineage_guard.catalog.layers import (
    Hit,
    binds_on,
    canonical,
    doubt,
    excludes,
    hit,
    join,
    lapsed,
    layers,
    most_specific,
    same_series,
)
from lineage_guard.domain.facts import ModelSource
from lineage_guard.domain.names import ModelName, channel_name, is_hub, is_self_hosting, model_name
from lineage_guard.domain.rules.terms import Resolution, Terms, Unresolved


class _Asked(NamedTuple):
    """A question, taken apart."""

    name: ModelName
    provider: str
    host: str | None
    owners: list[Hit]
    services: list[Entry]
    on: date | None

    @property
    def label(self) -> str:
        return self.name.ids[-1] if self.name.ids else "(no id)"

    @property
    def owner_entries(self) -> list[Entry]:
        return [h.entry for h in self.owners]


class CatalogTerms:
    """The terms in the catalog; a domain ``TermsSource``.

    Args:
        entries: entries in any order; ids are unique.

    Attributes:
        turns: the days on which other texts may come into force, ascending.
        routes: prefixes of model ids that name a service, longest first.

    Example:
        >>> from lineage_guard.catalog import load_catalog
        >>> terms = load_catalog().terms
        >>> terms.resolve(ModelSource("openai", "gpt-4o", channel="api.openai.com"), date(2026, 5, 1)).layers[0].id
        'openai-api'
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = tuple(entries)
        self._by_id: Mapping[str, Entry] = {e.terms.id: e for e in self._entries}
        # A negotiated agreement is for those who name it; nobody else may find it by a model's id.
        self._open = tuple(e for e in self._entries if not e.only_when_named)
        self.routes = tuple(sorted({r for e in self._entries for r in e.routes}, key=lambda r: (-len(r), r)))
        self.turns = _turns(self._entries)
        self._resolve = lru_cache(maxsize=4096)(self._resolve_key)
        self.digest = "sha256:" + sha256("\n".join(sorted(canonical(e) for e in self._entries)).encode()).hexdigest()

    @property
    def entries(self) -> tuple[Terms, ...]:
        """All terms, in catalog order."""
        return tuple(e.terms for e in self._entries)

    @property
    def details(self) -> tuple[Entry, ...]:
        """All entries with their patterns, limits and notes."""
        return self._entries

    def get(self, id: str) -> Terms | None:
        """The terms with an id."""
        entry = self._by_id.get(id)
        return entry.terms if entry else None

    def resolve(self, model: ModelSource, on: date | None) -> Resolution:
        """Find every layer of terms for a model that answered on a day.

        Never raises, whatever the texts in ``model`` are. A licence the author declares is
        not looked at here: it cannot loosen what the owner says.

        ==========================  =======================================================
        what is known               what applies
        ==========================  =======================================================
        service that owns the model its terms, in the version of that day; the owner's, if they stack
        reseller or other service   the service's terms and all of the model owner's
        route and host that differ  what binds on either
        self-hosted, weights exist  the licence of the weights
        self-hosted, none exist     the owner's terms, and UNKNOWN_CHANNEL
        a channel nobody knows      the owner's terms, and UNKNOWN_CHANNEL
        no channel                  every candidate: the strictest decides
        a model nobody knows        the service's terms if there is one, and UNKNOWN_MODEL
        ==========================  =======================================================

        Args:
            model: the model as declared or observed.
            on: day of generation; ``None`` when unknown, then every version of the terms counts.
        """
        since = self._since(on)
        return self._resolve(model.provider, model.model, model.channel, model.terms, tuple(model.base_models), since)

    def _since(self, on: date | None) -> date | None:
        """The first of the days on which the same texts are in force as on this one: one answer serves them all."""
        if on is None:
            return None
        begun = bisect_right(self.turns, on)
        return self.turns[begun - 1] if begun else date.min

    def _resolve_key(
        self,
        provider: str,
        model: str,
        channel: str | None,
        named: str | None,
        bases: tuple[str, ...],
        on: date | None,
    ) -> Resolution:
        asked = self._ask(provider, model, channel, on)
        entry = self._by_id.get(named.strip()) if named else None
        if entry is not None:
            gap = self._not_covered(entry, asked)
            how = f"the author names {entry.terms.id}, which covers this"
            if gap:
                how = f"the author names {entry.terms.id}, which does not cover this {gap}, so it applies besides"
            found = Resolution((entry.terms,), None, how)
            if gap:
                found = join(found, self._on_file(asked))
        elif named:
            how = f"the author names {named!r}, which is not in the catalog"
            found = join(Resolution((), Unresolved.UNKNOWN_TERMS, how), self._on_file(asked))
        else:
            found = self._on_file(asked)
        if not bases:
            return found
        made_from = tuple((base, self._base(base)) for base in bases)
        return replace(join(found, *(said for _, said in made_from)), bases=made_from, own=found)

    def _ask(self, provider: str, model: str, channel: str | None, on: date | None) -> _Asked:
        name = model_name(model, self.routes)
        host = channel_name(channel)
        owners = self._owners(name)
        services = [e for e in self._open if self._answers(e, name, host)]
        given = provider.strip().lower()
        if host is None and not services:
            if name.self_hosted or is_self_hosting(provider):
                host = SELF_HOSTED
            elif not any(given in e.providers for e in (h.entry for h in owners)):
                # The provider is not the model's owner: it may be a service that offers it.
                offered = [e for e in self._open if given in e.providers and e.terms.kind in (HOSTED, RESELLER)]
                services = (
                    offered if any(e.terms.kind == RESELLER or e.routes or e.whole_channel for e in offered) else []
                )
        return _Asked(name, given, host, owners, services, on)

    def _answers(self, entry: Entry, name: ModelName, host: str | None) -> bool:
        if any(route in name.routes for route in entry.routes):
            return True
        return host is not None and host != SELF_HOSTED and self._covers(entry, host)

    def _covers(self, entry: Entry, host: str) -> bool:
        by_name = entry.terms.kind in (HOSTED, RESELLER) and not entry.consumer_app and host in entry.providers
        return by_name or any(p.matches(host) for p in entry.channels)

    def _owners(self, name: ModelName) -> list[Hit]:
        """Whose model it is, by its id alone: the most specific pattern wins."""
        return most_specific(self._of_owners(name))

    def _of_owners(self, name: ModelName) -> list[Hit]:
        """All who speak of a model as its owners, by its id alone."""
        entries = [e for e in self._open if e.terms.kind != RESELLER]
        return [h for e in entries if (h := hit(e, name, as_owner=bool(e.routes)))]

    def _somewhere(self, name: ModelName) -> list[Entry]:
        """Who speaks of a model on one channel at least: there no pattern is more specific."""
        by_channel: dict[str, list[Hit]] = {}
        for h in self._of_owners(name):
            for channel in h.entry.channels:
                by_channel.setdefault(channel.text, []).append(h)
        return list(dict.fromkeys(h.entry for rivals in by_channel.values() for h in most_specific(rivals)))

    def _called(self, name: ModelName) -> list[Entry]:
        """The same, of texts on what a program calls: none calls a chat app."""
        return [e for e in self._somewhere(name) if not e.consumer_app]

    def _owned(self, asked: _Asked) -> list[Entry]:
        """The owner's texts, where nobody says on which of the owner's channels they were agreed to."""
        first = asked.owner_entries
        # Of a chat app is only an id that is more its own than anybody else's.
        first = [e for e in first if not e.consumer_app] or first
        return list(dict.fromkeys([*first, *self._called(asked.name)]))

    def _not_covered(self, entry: Entry, asked: _Asked) -> str | None:
        """Why terms that the author names cannot stand alone; ``None`` when they can."""
        if hit(entry, asked.name) is None:
            return "model"
        platform = {p.text for p in entry.channels}
        reached = all(platform & {p.text for p in e.channels} for e in asked.services)
        if asked.host is not None and not self._covers(entry, asked.host):
            reached = False
        if not reached:
            return "channel"
        return None if binds_on(entry, [e for e in self._entries if same_series(e, entry)], asked.on) else "date"

    def _on_file(self, asked: _Asked) -> Resolution:
        return self._still(self._by_channel(asked), asked.on)

    def _still(self, found: Resolution, on: date | None) -> Resolution:
        """The same, with a doubt where a text has ended and no later one is known."""
        over = lapsed((self._by_id[t.id] for t in found.layers), on)
        how = "; ".join(f"{e.terms.id} ends on {e.effective_until}, and no later text is in the catalog" for e in over)
        return join(found, Resolution((), Unresolved.UNKNOWN_TERMS, how)) if over else found

    def _by_channel(self, asked: _Asked) -> Resolution:
        if asked.services:
            found = self._behind(asked)
            known = asked.host in (None, SELF_HOSTED) or any(self._covers(e, asked.host or "") for e in self._open)
            return found if known else join(found, self._off_channel(asked))
        if not asked.owners:
            return Resolution((), Unresolved.UNKNOWN_MODEL, f"no entry knows {asked.label}")
        if asked.host == SELF_HOSTED:
            return self._weights(asked)
        return self._unstated(asked) if asked.host is None else self._off_channel(asked)

    def _behind(self, asked: _Asked) -> Resolution:
        """Behind a known service: its own terms and, where the model is somebody else's, the owner's."""
        at = asked.host or (asked.name.routes[0].rstrip("/") if asked.name.routes else asked.provider)
        resellers = [e for e in asked.services if e.terms.kind == RESELLER]
        whole = [e for e in asked.services if e.whole_channel]
        knows = [h for e in asked.services if e.terms.kind != RESELLER and (h := hit(e, asked.name))]
        here = [h for h in knows if asked.host and self._covers(h.entry, asked.host)]
        # Where a route names another service than the host, neither takes the other's place.
        own = most_specific(here) + most_specific([h for h in knows if h not in here])
        if own:
            # A service that offers its own models besides others' is one platform on one host.
            platform = {p.text for h in own for p in h.entry.channels}
            others = [e for e in resellers if not platform & {p.text for p in e.channels}]
            theirs = self._owned(asked) if any(h.entry.stacks for h in own) else []
            bound = layers([h.entry for h in own] + whole + others + theirs, asked.on)
            return Resolution(bound, None, f"{own[0].pattern.text} matches {asked.label} on {at}")
        through = resellers + (whole if resellers else [e for e in asked.services if e.terms.kind == HOSTED])
        bound = layers(through + self._owned(asked), asked.on)
        if not asked.owners:
            how = f"no entry knows the model behind {asked.label} on {at}; the service's own terms apply at least"
            return Resolution(bound, Unresolved.UNKNOWN_MODEL, how)
        owner = asked.owners[0].pattern.text
        how = f"{asked.label} on {at}: the service's terms and the owner's ({owner}) both bind, the strictest decides"
        return Resolution(bound, doubt(asked.owners), how)

    def _weights(self, asked: _Asked) -> Resolution:
        weights = most_specific([h for h in self._of_owners(asked.name) if h.entry.self_hosted])
        theirs = {p for h in weights for p in h.entry.providers}
        # The owner of weights may keep one of their names closed; a stranger who offers it, too, cannot.
        closed = [
            e for e in asked.owner_entries if not e.self_hosted and not (weights and e.providers.isdisjoint(theirs))
        ]
        if not closed:
            bound = layers([h.entry for h in weights], asked.on)
            return Resolution(bound, doubt(weights), f"{weights[0].pattern.text} matches {asked.label}, self-hosted")
        bound = layers([*asked.owner_entries, *self._owned(asked)], asked.on)
        pattern = asked.owners[0].pattern.text
        how = f"{asked.label} self-hosted: no published weights of {pattern} are known, so the hosted terms apply"
        return Resolution(bound, Unresolved.UNKNOWN_CHANNEL, how)

    def _off_channel(self, asked: _Asked) -> Resolution:
        how = f"no entry knows the channel {asked.host}; the terms of the owner of {asked.label} apply at least"
        # It may lead to any of the owner's own, and of the texts on those none takes another's place.
        return Resolution(
            layers([*asked.owner_entries, *self._somewhere(asked.name)], asked.on), Unresolved.UNKNOWN_CHANNEL, how
        )

    def _unstated(self, asked: _Asked) -> Resolution:
        """No channel was stated, and the provider is no reseller: every candidate applies."""
        hub = is_hub(asked.provider)
        named = [h for h in asked.owners if asked.provider in h.entry.providers]
        # The more exact of two texts takes the other's place on its own channels only, and this may have been another.
        candidates = self._owned(asked)
        how = f"{asked.owners[0].pattern.text} matches {asked.label}, channel not stated"
        if not hub and not any("/" in id for id in asked.name.ids):
            # A short id may have been answered by the owner's own service just as well as by weights.
            vendors = {p for e in candidates if e.self_hosted for p in e.providers}
            hosted = [e for e in self._open if e.terms.kind == HOSTED and not e.consumer_app and e.providers & vendors]
            more = [e for e in hosted if e not in candidates and not excludes(e, asked.name)]
            candidates += more
            if more:
                how += (
                    ": the owner's hosted terms may apply as well as the licence of the weights, the strictest decides"
                )
        bound = layers(candidates, asked.on)
        if not named and not (hub and any(e.self_hosted for e in candidates)):
            how += (
                f", and {asked.provider!r} is not known to offer it" if asked.provider else ", and no provider is named"
            )
            return Resolution(bound, Unresolved.UNKNOWN_CHANNEL, how)
        return Resolution(bound, doubt(asked.owners), how)

    def _base(self, base: str) -> Resolution:
        """What the weights were made from binds too, and nobody knows when those were taken."""
        name = model_name(base, self.routes)
        owners = self._owners(name)
        if not owners:
            return Resolution((), Unresolved.UNKNOWN_MODEL, f"no entry knows its base model {base}")
        # A service that offers it, too, does not take the place of the licence of the weights.
        anywhere = self._called(name)
        weights = [e for e in anywhere if e.self_hosted]
        bound = layers([*(h.entry for h in owners), *(weights or anywhere)], None)
        return self._still(Resolution(bound, doubt(owners), f"made from {base}"), None)


def _turns(entries: Iterable[Entry]) -> list[date]:
    """The days on which other texts may come into force, ascending."""
    begins = {e.terms.effective_from for e in entries}
    ends = {e.effective_until for e in entries if e.effective_until != date.max}
    return sorted({d for d in begins if d} | {d + timedelta(days=1) for d in ends if d})
