"""Which terms bind a model that was reached through a channel on a day. Pure.

The key is (model id, channel, generation date). Whatever is not known is answered with every
candidate that may apply, and said to be unresolved when that is not enough: a guess that
loosens is the one thing this module never makes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from hashlib import sha256

from lineage_guard.catalog.entries import HOSTED, RESELLER, SELF_HOSTED, Entry
from lineage_guard.catalog.names import ModelName, channel_name, is_hub, is_self_hosting, model_name
from lineage_guard.catalog.patterns import Pattern
from lineage_guard.domain.facts import ModelSource
from lineage_guard.domain.terms import Resolution, Terms, Unresolved

# What may follow the name of open weights without making it somebody else's fine-tune.
_VARIANT_WORDS = re.compile(
    r"^(instruct|inst|chat|base|it|pt|hf|preview|latest|gguf|ggml|awq|gptq|exl2|mlx|onnx|fp4|fp8|fp16|bf16|int4|int8|nf4"
    r"|nvfp4|mxfp4|quantized|quant|bit|dynamic|w4a16|w8a8|q\d|k|m|s|l|xl|xs|xxs|\d+bit|iq\d|v?\d+|v?\d+\.\d+|\d+(\.\d+)?[bmk]|a\d+(\.\d+)?b|\d+x\d+b"
    r"|\d+e|thinking|think|next|vl|vision|omni|audio|coder|code|math|moe|mini|small|medium|large|turbo|tool|use|long"
    r"|reasoning|reasoner|guard|reward|scout|maverick|versatile|instant|specdec|exp|experimental|terminus|speciale|zero|dev|flash|air|sft|dpo|maas"
    r"|medium|pro|plus|ultra|nano|super|tiny|\d+k|python|text|edge|terse|original|0+\d+)?$"
)
_COVERED = "which covers this model"


@dataclass(frozen=True, slots=True)
class _Hit:
    entry: Entry
    pattern: Pattern
    tail: str


class CatalogTerms:
    """The terms in the catalog; a domain ``TermsSource``.

    Args:
        entries: entries in any order; ids are unique.

    Example:
        >>> from lineage_guard.catalog import load_catalog
        >>> terms = load_catalog().terms
        >>> terms.resolve(ModelSource("openai", "gpt-4o", channel="api.openai.com"), date(2026, 5, 1)).layers[0].id
        'openai-api'
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = tuple(entries)
        self._by_id: Mapping[str, Entry] = {e.terms.id: e for e in self._entries}
        self._routes = tuple(sorted({r for e in self._entries for r in e.routes}, key=lambda r: (-len(r), r)))
        self._providers = frozenset(p for e in self._entries for p in e.providers)
        self._resolve = lru_cache(maxsize=4096)(self._resolve_key)
        self.digest = "sha256:" + sha256("\n".join(sorted(_canonical(e) for e in self._entries)).encode()).hexdigest()

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

        Args:
            model: the model as declared or observed.
            on: day of generation; ``None`` when unknown, then every version of the terms counts.
        """
        return self._resolve(model.provider, model.model, model.channel, model.terms, model.base_models, on)

    def _resolve_key(
        self,
        provider: str,
        model: str,
        channel: str | None,
        named: str | None,
        bases: tuple[str, ...],
        on: date | None,
    ) -> Resolution:
        name = model_name(model, self._routes)
        found = self._named(named, name, channel_name(channel), on) if named else None
        if found is None or not found.how.endswith(_COVERED):
            normal = self._by_channel(name, provider, channel, on)
            found = _join([found, normal]) if found else normal
        for base in bases:
            found = _join([found, self._owner_of_base(base, on)])
        return found

    def _named(self, named: str, name: ModelName, channel: str | None, on: date | None) -> Resolution:
        """Terms the author names outright hold alone only where they say they apply."""
        entry = self._by_id.get(named.strip())
        if entry is None:
            return Resolution((), Unresolved.UNKNOWN_TERMS, f"the author names {named!r}, which is not in the catalog")
        speaks = self._hit(entry, name) is not None
        reaches = channel is None or self._covers(entry, channel)
        in_force = on is None or entry in _in_force([e for e in self._entries if _same_series(e, entry)], on)
        if speaks and reaches and in_force:
            return Resolution((entry.terms,), None, f"the author names {entry.terms.id}, {_COVERED}")
        why = "model" if not speaks else "channel" if not reaches else "date"
        return Resolution(
            (entry.terms,), None, f"the author names {entry.terms.id}, which does not cover this {why}: both apply"
        )

    def _by_channel(self, name: ModelName, provider: str, channel: str | None, on: date | None) -> Resolution:
        owners = self._owners(name)
        host = channel_name(channel)
        services = self._services(name, host)
        own_host = host == SELF_HOSTED or (
            host is None and not services and (name.self_hosted or is_self_hosting(provider))
        )
        if host is None and not services and not own_host:
            services = self._services_of_provider(provider)
        label = name.ids[-1] if name.ids else "(no id)"
        if services:
            place = host or (name.routes[0].rstrip("/") if name.routes else provider)
            found = self._behind(name, services, owners, on, f"{label} on {place}")
            if host is not None and not self._known_channel(host):
                return _join([found, self._off_channel(owners, on, f"{label} on {host}")])
            return found
        if not owners:
            return Resolution((), Unresolved.UNKNOWN_MODEL, f"no entry knows {label}")
        if own_host:
            return self._weights(owners, on, f"{label} self-hosted")
        if host is not None:
            return self._off_channel(owners, on, f"{label} on {host}")
        return self._unstated(name, owners, provider, on)

    def _behind(
        self, name: ModelName, services: list[Entry], owners: list[_Hit], on: date | None, label: str
    ) -> Resolution:
        """Layers behind a known service: its own terms and, where they do not cover the model, the owner's."""
        own = _most_specific([h for e in services if e.terms.kind != RESELLER and (h := self._hit(e, name))])
        whole = [e for e in services if e.whole_channel]
        if own and not any(_more_specific_elsewhere(h, owners) for h in own):
            layers = _in_force([h.entry for h in own] + whole, on)
            return Resolution(_terms(layers), None, f"{own[0].pattern.text} matches {label}")
        resellers = [e for e in services if e.terms.kind == RESELLER]
        through = resellers + (whole if resellers else [e for e in services if e.terms.kind == HOSTED])
        through += [h.entry for h in own]
        layers = _in_force(through + [h.entry for h in owners], on)
        if not owners:
            how = f"no entry knows the model behind {label}; the service's own terms apply"
            return Resolution(_terms(layers), Unresolved.UNKNOWN_MODEL, how)
        how = (
            f"{label}: the service's terms and the owner's ({owners[0].pattern.text}) both bind, the strictest decides"
        )
        return Resolution(_terms(layers), _doubt(owners), how)

    def _weights(self, owners: list[_Hit], on: date | None, label: str) -> Resolution:
        open_weights = [h for h in owners if h.entry.self_hosted]
        if len(open_weights) == len(owners):
            return Resolution(
                _terms(_in_force([h.entry for h in owners], on)),
                _doubt(owners),
                f"{owners[0].pattern.text} matches {label}",
            )
        how = f"{label}: no published weights of {owners[0].pattern.text} are known, so the hosted terms apply"
        return Resolution(_terms(_in_force([h.entry for h in owners], on)), Unresolved.UNKNOWN_CHANNEL, how)

    def _off_channel(self, owners: list[_Hit], on: date | None, label: str) -> Resolution:
        layers = _terms(_in_force([h.entry for h in owners], on))
        how = f"{label}: nobody in the catalog answers on that channel; the owner's terms apply at least"
        return Resolution(layers, Unresolved.UNKNOWN_CHANNEL, how)

    def _unstated(self, name: ModelName, owners: list[_Hit], provider: str, on: date | None) -> Resolution:
        """No channel was stated: every candidate that may apply does."""
        label = name.ids[-1]
        given = provider.strip().lower()
        hub = is_hub(provider)
        named = [h for h in owners if given in h.entry.providers]
        candidates = [h.entry for h in (named or owners)]
        how = f"{owners[0].pattern.text} matches {label}; channel not stated"
        if any(h.pattern.bare or "/" not in h.pattern.text for h in owners) and not hub:
            # The owner's own service may answer to such a short id just as well as weights do.
            vendors = {p for e in candidates if e.self_hosted for p in e.providers}
            hosted = [
                e
                for e in self._entries
                if e.terms.kind == HOSTED and e.providers & vendors and not self._excludes(e, name)
            ]
            if hosted and not all(e in candidates for e in hosted):
                candidates += [e for e in hosted if e not in candidates]
                how += ", so the owner's hosted terms may apply as well as the weights' licence: the strictest decides"
        doubt = _doubt(owners)
        if not named and not hub:
            doubt, how = Unresolved.UNKNOWN_CHANNEL, f"{how}, and {provider!r} is not known to offer it"
        return Resolution(_terms(_in_force(candidates, on)), doubt, how)

    def _owner_of_base(self, base: str, on: date | None) -> Resolution:
        owners = self._owners(model_name(base, self._routes))
        if not owners:
            return Resolution((), Unresolved.UNKNOWN_MODEL, f"no entry knows its base model {base}")
        return Resolution(_terms(_in_force([h.entry for h in owners], on)), _doubt(owners), f"made from {base}")

    def _owners(self, name: ModelName) -> list[_Hit]:
        """Who the model belongs to, by its id alone: the most specific pattern wins."""
        hits = [h for e in self._entries if e.terms.kind != RESELLER and not e.routes and (h := self._hit(e, name))]
        hits += [
            h for e in self._entries if e.terms.kind == HOSTED and e.routes and (h := self._hit(e, name, own=True))
        ]
        return _most_specific(hits)

    def _excludes(self, entry: Entry, name: ModelName) -> bool:
        return any(p.matches(s) for id in name.ids for s in _spellings(entry, id) for p in entry.excluding)

    def _hit(self, entry: Entry, name: ModelName, own: bool = False) -> _Hit | None:
        best: _Hit | None = None
        if self._excludes(entry, name):
            return None
        for id in name.ids:
            for spelling in _spellings(entry, id):
                for pattern in entry.models:
                    if own and pattern.bare:
                        continue
                    if pattern.matches(spelling) and (best is None or pattern.weight > best.pattern.weight):
                        bare_id = "/" not in id or spelling != id
                        best = _Hit(entry, pattern, pattern.tail(spelling) if bare_id else "")
        return best

    def _services(self, name: ModelName, host: str | None) -> list[Entry]:
        return [
            e
            for e in self._entries
            if (host is not None and host != SELF_HOSTED and self._covers(e, host))
            or any(r in name.routes for r in e.routes)
        ]

    def _services_of_provider(self, provider: str) -> list[Entry]:
        """The services a provider name stands for, when it offers other people's models too."""
        given = provider.strip().lower()
        offered = [e for e in self._entries if given in e.providers and e.terms.kind in (HOSTED, RESELLER)]
        return offered if any(e.terms.kind == RESELLER or e.routes for e in offered) else []

    def _covers(self, entry: Entry, host: str) -> bool:
        return any(p.matches(host) for p in entry.channels)

    def _known_channel(self, host: str) -> bool:
        return host == SELF_HOSTED or any(self._covers(e, host) for e in self._entries)


def _spellings(entry: Entry, id: str) -> list[str]:
    """The id, and the id without the owner's own name before it."""
    org, slash, name = id.rpartition("/")
    return [id, name] if slash and org in entry.providers else [id]


def _most_specific(hits: list[_Hit]) -> list[_Hit]:
    best = max((h.pattern.weight for h in hits), default=0.0)
    return [h for h in hits if h.pattern.weight == best]


def _more_specific_elsewhere(hit: _Hit, owners: list[_Hit]) -> bool:
    """Whether the id belongs to somebody else's model after all, e.g. open weights on a hosted API."""
    return (
        bool(owners)
        and owners[0].pattern.weight > hit.pattern.weight
        and not ({p for h in owners for p in h.entry.providers} & hit.entry.providers)
        and all(h.entry.self_hosted for h in owners)
    )


def _doubt(owners: list[_Hit]) -> Unresolved | None:
    """A short id that goes on after the name of open weights may be somebody's fine-tune of them."""
    for hit in owners:
        if (
            hit.entry.self_hosted
            and hit.tail
            and not all(_VARIANT_WORDS.match(w) for w in re.split(r"[-_.:@ ]", hit.tail))
        ):
            return Unresolved.UNKNOWN_MODEL
    return None


def _same_series(a: Entry, b: Entry) -> bool:
    return a is b or (a.series is not None and a.series == b.series)


def _in_force(entries: Iterable[Entry], on: date | None) -> list[Entry]:
    """Keep the versions in force on a day; in a gap between two known versions, both."""
    unique = list(dict.fromkeys(entries))
    if on is None:
        return unique
    keep: list[Entry] = []
    for entry in unique:
        versions = sorted(
            (e for e in unique if _same_series(e, entry)), key=lambda e: e.terms.effective_from or date.min
        )
        begun = [e for e in versions if (e.terms.effective_from or date.min) <= on]
        current = begun[-1:] or versions[:1]
        if begun and current[0].effective_until is not None and on > current[0].effective_until:
            current = versions[versions.index(current[0]) : versions.index(current[0]) + 2]
        if entry in current:
            keep.append(entry)
    return keep


def _terms(entries: Iterable[Entry]) -> tuple[Terms, ...]:
    return tuple({e.terms.id: e.terms for e in entries}.values())


def _join(found: Iterable[Resolution]) -> Resolution:
    items = list(found)
    layers = {t.id: t for r in items for t in r.layers}
    return Resolution(
        tuple(layers.values()),
        next((r.unresolved for r in items if r.unresolved), None),
        "; ".join(r.how for r in items if r.how),
    )


def _canonical(entry: Entry) -> str:
    t = entry.terms
    facts = (
        t.id,
        t.provider,
        t.kind,
        t.license,
        sorted((u, int(e)) for u, e in t.effects.items()),
        sorted(t.restrictions),
        t.obligations,
        t.confidence,
        t.effective_from,
        t.terms_version,
        entry.models,
        entry.excluding,
        entry.routes,
        entry.channels,
        sorted(entry.providers),
        entry.stacks,
        entry.whole_channel,
        entry.series,
        entry.effective_until,
    )
    return repr(facts)
