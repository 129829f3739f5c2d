"""From matched entries to layers of terms: which match is most specific, which version is in force."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from lineage_guard.catalog.entries import Entry
from lineage_guard.catalog.patterns import Pattern
from lineage_guard.domain.names import ModelName
from lineage_guard.domain.rules.terms import Resolution, Terms, Unresolved

# What may follow the name of open weights without making it somebody else's fine-tune:
# sizes, versions, formats, quantisations and the variant names that owners give themselves.
_VARIANT = re.compile(
    r"""^(instruct|inst|chat|base|it|pt|hf|preview|latest|text|sft|dpo|guard|reward|exp|experimental|original|maas
    |gguf|ggml|awq|gptq|exl2|mlx|onnx|dynamic|quant|quantized|bit|\d+bit|fp\d+|bf16|int\d|nf4|nvfp4|mxfp4|w\d+a\d+|i?q\d+
    |k|m|s|l|xs|xxs|xl|v?\d+(\.\d+)*|\d+(\.\d+)?[bmk]|a\d+(\.\d+)?b|\d+x\d+b|\d+e
    |thinking|think|next|vl|vision|omni|audio|coder|code|math|moe|reasoning|reasoner|zero|long|tool|use|versatile|instant
    |specdec|scout|maverick|terminus|speciale|mini|small|medium|large|tiny|nano|super|ultra|turbo|pro|plus|air|flash
    |python|edge)?$""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Hit:
    """One entry that knows a model id.

    Attributes:
        entry: the entry.
        pattern: the pattern that matched.
        tail: for an id without an organisation, what a trailing ``*`` stood for.
    """

    entry: Entry
    pattern: Pattern
    tail: str = ""


def hit(entry: Entry, name: ModelName, as_owner: bool = False) -> Hit | None:
    """How an entry knows a model id, by its most specific pattern; ``None`` when it does not.

    Args:
        entry: the entry.
        name: the id, taken apart.
        as_owner: leave out patterns whose organisation is only a route, e.g. ``azure/gpt-*``.
    """
    if excludes(entry, name):
        return None
    best: Hit | None = None
    for id in name.ids:
        for spelling in _spellings(entry, id):
            for pattern in entry.models:
                # The tail of `org/name` is for ids without an organisation: those of others are not the owner's.
                if pattern.bare and (as_owner or "/" in spelling):
                    continue
                if pattern.matches(spelling) and (best is None or pattern.weight > best.pattern.weight):
                    best = Hit(entry, pattern, "" if "/" in id else pattern.tail(spelling))
    return best


def excludes(entry: Entry, name: ModelName) -> bool:
    """Whether an entry says outright that it does not govern a model."""
    return any(p.matches(s) for id in name.ids for s in _spellings(entry, id) for p in entry.excluding)


def _spellings(entry: Entry, id: str) -> list[str]:
    """The id, and the id without the owner's own name before it."""
    org, slash, name = id.rpartition("/")
    return [id, name] if slash and org in entry.providers else [id]


def most_specific(hits: list[Hit]) -> list[Hit]:
    """The hits of the heaviest pattern; several when entries share it."""
    best = max((h.pattern.weight for h in hits), default=0.0)
    return [h for h in hits if h.pattern.weight == best]


def doubt(owners: list[Hit]) -> Unresolved | None:
    """A short id that goes on after the name of open weights may be somebody's fine-tune of them.

    ``mistral-7b-instruct`` is Mistral's, ``mistral-7b-openorca`` learnt from GPT-4. With the
    organisation before it the id speaks for itself.
    """
    for h in owners:
        if h.entry.self_hosted and not all(_VARIANT.match(word) for word in re.split(r"[-_.:@ ]", h.tail)):
            return Unresolved.UNKNOWN_MODEL
    return None


def same_series(a: Entry, b: Entry) -> bool:
    """Whether two entries are versions of one text."""
    return a is b or (a.series is not None and a.series == b.series)


def in_force(entries: Iterable[Entry], on: date | None) -> list[Entry]:
    """Of every text the version in force on a day.

    Before the first known version that one is taken; between two known ones, both are, and so are
    those that overlap or begin on one day. When the day is not known every version stays.
    """
    unique = list(dict.fromkeys(entries))
    if on is None:
        return unique
    return [e for e in unique if e in _versions([v for v in unique if same_series(v, e)], on)]


def _versions(entries: list[Entry], on: date) -> list[Entry]:
    versions = sorted(entries, key=_start)
    begun = [e for e in versions if _start(e) <= on]
    if not begun:
        return versions[:1]
    current = begun[-1]
    # An older one is over when a newer begins, unless its last day is known to be a later one.
    lasting = [e for e in begun[:-1] if e.effective_until and on <= e.effective_until]
    if current.effective_until is not None and on > current.effective_until:
        after = versions.index(current) + 1
        return [*lasting, current, *versions[after : after + 1]]
    return [e for e in begun if e in lasting or _start(e) == _start(current)]


def lapsed(entries: Iterable[Entry], on: date | None) -> list[Entry]:
    """The last versions on file of the texts that have ended, or may have where nobody knows the day.

    Other terms hold then that nobody here has read: what these bar is believed, and what they permit is over.

    Args:
        entries: those that bind, of which ``in_force`` kept one at least of each text.
        on: the day; ``None`` when nobody knows.
    """
    unique = list(dict.fromkeys(entries))

    def over(entry: Entry) -> bool:
        return entry.effective_until not in (None, date.max) and (on is None or on > entry.effective_until)

    texts = [[v for v in unique if same_series(v, e)] for e in unique]
    last = dict.fromkeys(max(versions, key=_start) for versions in texts if on is None or all(map(over, versions)))
    return [e for e in last if over(e)]


def binds_on(entry: Entry, versions: Iterable[Entry], on: date | None) -> bool:
    """Whether terms that are named for some data bind on its day, and nothing else does.

    Who names a text for data without a day says which version of it binds. Of an agreement that ends nobody knows
    then whether it was over.

    Args:
        entry: the terms that are named.
        versions: all of its series, itself included.
        on: the day; ``None`` when nobody knows.
    """
    if on is None:
        return not (entry.only_when_named and entry.effective_until)
    over = entry.effective_until is not None and on > entry.effective_until
    return _start(entry) <= on and not over and in_force(versions, on) == [entry]


def _start(entry: Entry) -> date:
    return entry.terms.effective_from or date.min


def layers(entries: Iterable[Entry], on: date | None) -> tuple[Terms, ...]:
    """The terms of entries that are in force on a day, each once."""
    return tuple(e.terms for e in in_force(entries, on))


def join(*found: Resolution) -> Resolution:
    """Everything that several resolutions say; a doubt of any is a doubt of all."""
    terms = {t.id: t for r in found for t in r.layers}
    return Resolution(
        tuple(terms.values()),
        next((r.unresolved for r in found if r.unresolved), None),
        "; ".join(r.how for r in found if r.how),
    )


def canonical(entry: Entry) -> str:
    """All facts of an entry that can change an answer, as text to be hashed."""
    t = entry.terms
    facts = (
        (t.id, t.provider, t.kind, t.license, sorted((u, int(e)) for u, e in t.effects.items())),
        (sorted(t.restrictions), t.obligations, t.summary, t.confidence, t.effective_from, t.terms_version, t.limits),
        ([p.text for p in entry.models], [p.text for p in entry.excluding], entry.routes),
        ([p.text for p in entry.channels], sorted(entry.providers)),
        (
            entry.stacks,
            entry.whole_channel,
            entry.consumer_app,
            entry.only_when_named,
            entry.series,
            entry.effective_until,
        ),
        t.permitted_families,
    )
    return repr(facts)
