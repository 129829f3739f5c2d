"""Names in rules that nothing known answers to: a rule on a misspelt model never holds, and nobody is told.

A private model may be unknown to the catalog, so this is a doubt and no error. What is nearly the name of
something known is told when the policy is loaded, all of it by ``lineage-guard policy lint``. So is a rule on one
snapshot of a model, which others state without a date.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import SequenceMatcher, get_close_matches
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, NamedTuple, cast

from lineage_guard.catalog.documents import Document
from lineage_guard.catalog.load import Catalog
from lineage_guard.domain.facts import ModelSource
from lineage_guard.domain.names import channel_name, is_hub, is_inside, is_self_hosting, without_snapshot
from lineage_guard.domain.rules.spdx import known_ids, spellings

_OWN = "what is your own belongs in a catalog file of your own, see docs/catalog.md"
#: Conditions on names, where Dagster's way to select an asset is read as namespace and name.
_NAMES = ("asset", "dataset")
#: What Dagster selects assets by.
SELECTS = ("group", "tag", "kind", "owner", "key")
_MADE_UP = ("licenseref-", "documentref-")


class Doubt(NamedTuple):
    """A name that nothing known answers to.

    Attributes:
        where: file, line and column.
        what: what it is.
        fix: what to do.
        near: the known name that it nearly is; ``None`` when there is none, and it may be somebody's own.
    """

    where: str
    what: str
    fix: str
    near: str | None


def doubts(document: Document, catalog: Catalog) -> Iterator[Doubt]:
    r"""Names in the rules of a policy file that follows its schema, and that nothing known answers to.

    Args:
        document: the file.
        catalog: what is known.

    Example:
        >>> from lineage_guard.catalog import load_catalog
        >>> from lineage_guard.domain.errors import PolicyError
        >>> rule = "{id: a, on: model, when: {model: gtp-4o}, effect: block, reason: r, fix: f}"
        >>> text = f"format: 1\nname: x\nrules: [{rule}]"
        >>> [d.near for d in doubts(Document(text, "x.yaml", PolicyError), load_catalog())]
        ['gpt-4o']
    """
    for i, row in enumerate(cast("list[Mapping[str, Any]]", document.value.get("rules", []))):
        when = cast("Mapping[str, Any]", row.get("when", {}))
        for key in (k for k in when if k in _KNOWN or k in _NAMES):
            several = not isinstance(when[key], str)
            for at, pattern in enumerate(when[key] if several else [when[key]]):
                word = pattern.removeprefix("!")
                place = document.place(("rules", i, "when", key, *((at,) if several else ())))
                if key in _NAMES:
                    yield from _selecting(key, pattern, place, row["id"])
                    continue
                if meets(key, word, catalog):
                    if key == "license" and not _wild(word) and (named := spellings(word)[-1]) != word:
                        what = f"{word!r} is an old name of {named!r}, and of no other licence"
                        yield Doubt(place, what, f"write {named!r}, or {word + '*'!r} for all that begin like it", None)
                    if key == "model" and word == pattern and row["effect"] != "allow":
                        yield from _one_snapshot(word, when[key] if several else (), place, row["id"])
                    continue
                near = nearest(key, word, catalog)
                if near is None and row["on"] in ("unresolved", "observation"):
                    continue  # It speaks of what nobody knows.
                does = "excludes nothing" if pattern.startswith("!") else "may never hold"
                what = f"no known {key} is called {word!r}, so rule {row['id']!r} {does}"
                yield Doubt(place, what, _fix(key, near), near)


def _one_snapshot(word: str, beside: Iterable[str], place: str, rule: str) -> Iterator[Doubt]:
    """A rule on a dated snapshot passes whoever states the model without a date, which may have been that snapshot."""
    alias = without_snapshot(word)
    if _wild(word) or alias == word.lower() or any(fnmatchcase(alias, other.lower()) for other in beside):
        return
    what = f"{word!r} is one snapshot, so rule {rule!r} does not hold where {alias!r} is stated, which may have been it"
    yield Doubt(place, what, f"write {alias!r}, which speaks of every snapshot; leave it where this one is meant", None)


def _selecting(key: str, pattern: str, place: str, rule: str) -> Iterator[Doubt]:
    word = pattern.removeprefix("!")
    by, colon, rest = word.partition(":")
    if not colon or by.lower() not in SELECTS:
        return
    does = "excludes nothing" if pattern.startswith("!") else "may never hold"
    what = f"{word!r} is the name {rest!r} in a namespace {by!r}, and no selection, so rule {rule!r} {does}"
    if by.lower() == "key":
        yield Doubt(place, what, f"write {rest!r}", rest)
    elif key == "asset":
        meant = f"asset_{by.lower()}: {rest}"
        yield Doubt(place, what, f"write {meant!r} in its place", meant)
    else:
        fix = f"name the data; 'asset_{by.lower()}' speaks of what would be trained, and of what it reads nothing does"
        yield Doubt(place, what, fix, None)


def meets(key: str, pattern: str, catalog: Catalog) -> bool:
    """Whether something known may answer to a pattern. Says yes where it is not sure.

    Args:
        key: a condition: ``model``, ``provider``, ``channel``, ``terms`` or ``license``.
        pattern: without a leading ``!``.
        catalog: what is known.
    """
    word = pattern.lower()
    if _wild(word):
        head = _head(word)
        return head.startswith(_MADE_UP) or any(_both(word, head, text) for text in _known(key, catalog))
    if key == "model":
        return bool(catalog.terms.resolve(ModelSource("", word), None).layers) or catalog.ancestry.get(word) is not None
    if key == "channel":
        host = channel_name(word) or word
        return is_inside(host) or any(fnmatchcase(host, text) for text in _known(key, catalog))
    if key == "provider" and (is_hub(word) or is_self_hosting(word)):
        return True
    return key == "license" or word in _known(key, catalog)  # A licence that nobody knows is an error.


@lru_cache(maxsize=256)
def nearest(key: str, pattern: str, catalog: Catalog) -> str | None:
    """The known name that a pattern nearly is, or ``None``.

    Args:
        key: a condition, as for ``meets``.
        pattern: without a leading ``!``.
        catalog: what is known.
    """
    word, known = pattern.lower(), _known(key, catalog)
    if not _wild(word):
        exact = sorted({text.rstrip("*-") for text in known if not _wild(text.rstrip("*"))})
        if close := get_close_matches(word, exact, n=1, cutoff=0.81):
            return close[0]
    head = _head(word)
    begins = {text for text in known if text.endswith("*") and len(text) > 5 and not _wild(text[:-1])}
    return max(
        (text for text in sorted(begins if not _wild(word) else known) if _begins_like(head, _head(text), _wild(word))),
        key=lambda text: SequenceMatcher(None, head, _head(text)).ratio(),
        default=None,
    )


def _models(catalog: Catalog) -> Iterable[str]:
    yield from (p.text for e in catalog.terms.details for p in (*e.models, *e.excluding))
    for artefact in catalog.ancestry.artefacts:
        name = artefact.artefact.lower()
        yield from (name, name.rpartition("/")[2])


def _providers(catalog: Catalog) -> Iterable[str]:
    yield from (name for e in catalog.terms.details for name in (*e.providers, e.terms.provider.lower()))
    yield from (service.provider for service in catalog.hosts.services)


def _channels(catalog: Catalog) -> Iterable[str]:
    yield from (p.text for e in catalog.terms.details for p in e.channels)
    yield from (p.text for service in catalog.hosts.services for p in service.hosts)
    # A service may be stated by its name, or by the prefix under which a router knows it.
    yield from (name for e in catalog.terms.details for name in e.providers)
    yield from (route.rstrip("/") for e in catalog.terms.details for route in e.routes)


def _terms(catalog: Catalog) -> Iterable[str]:
    return (t.id.lower() for t in catalog.terms.entries)


def _licenses(catalog: Catalog) -> Iterable[str]:
    return (*(id.lower() for id in known_ids()), *(t.license.lower() for t in catalog.terms.entries))


_KNOWN = {"model": _models, "provider": _providers, "channel": _channels, "terms": _terms, "license": _licenses}


@lru_cache(maxsize=32)
def _known(key: str, catalog: Catalog) -> frozenset[str]:
    """Names and patterns, lower case."""
    return frozenset(_KNOWN[key](catalog))


def _fix(key: str, near: str | None) -> str:
    meant = f"did you mean {near!r}? Else " if near else "check the spelling; "
    return f"{meant}{_OWN}" if key != "license" else f"{meant}see https://spdx.org/licenses"


def _wild(text: str) -> bool:
    return _head(text) != text


def _head(pattern: str) -> str:
    """What comes before the first wildcard; a bracket that is never closed is none."""
    signs = "*?[" if "]" in pattern else "*?"
    return next((pattern[:n] for n, c in enumerate(pattern) if c in signs), pattern)


def _both(pattern: str, head: str, text: str) -> bool:
    """Whether one value may match two patterns, of which the first has a wildcard."""
    if not _wild(text):
        return fnmatchcase(text, pattern)
    other = _head(text)
    return head.startswith(other) or other.startswith(head)


def _begins_like(head: str, other: str, wild: bool) -> bool:
    """Whether one text begins nearly as another: ``claud-3-opus`` as ``claude-``."""
    size = min(len(head), len(other)) if wild else len(other)
    if size < 4 or head[0] != other[0] or other.startswith(head):
        return False
    return SequenceMatcher(None, head[:size], other[:size]).ratio() >= (0.75 if wild else 0.81)
