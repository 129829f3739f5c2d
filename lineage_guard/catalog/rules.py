"""Rules and facts of a policy file, checked until no typo can open a gate."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any, cast

from lineage_guard.catalog.documents import Document, suggest
from lineage_guard.catalog.load import Catalog
from lineage_guard.domain.facts import Acknowledgement, Influence
from lineage_guard.domain.names import SELF_HOSTED, channel_name
from lineage_guard.domain.rules.assets import ASKED_OF_ASSETS
from lineage_guard.domain.rules.matching import Match, Origin, ReasonCode, never
from lineage_guard.domain.rules.organisation import Organisation, Purpose
from lineage_guard.domain.rules.policy import Rule, Subject
from lineage_guard.domain.rules.spdx import expression_error, licenses_in, spellings
from lineage_guard.domain.rules.terms import Confidence, Effect, Restriction

_AS_TERMS = "as_terms"
_TERMS = ("terms", "restriction", "confidence")
_MODEL = ("provider", "model", "channel")
_USE_OF_A_MODEL = ("origin", "generated")
_LICENSE = ("license", "acknowledgement")
#: Conditions on what every case has, so that excluding all of it leaves nothing.
_OF_ALL = ("use", "origin", "influence", "reason", "dataset", "asset", "asset_group", "asset_tag")
_ALWAYS: Mapping[Subject, tuple[str, ...]] = {
    on: (*_OF_ALL, *(("model", "provider", "terms", "confidence") if on is Subject.MODEL else ())) for on in Subject
}
#: Conditions that a rule on a subject could never meet.
_NEVER: Mapping[Subject, tuple[str, ...]] = {
    Subject.MODEL: (),
    Subject.UNRESOLVED: _TERMS,
    Subject.OBSERVATION: _TERMS,
    Subject.GAP: (*_TERMS, *_MODEL, *_USE_OF_A_MODEL, *_LICENSE),
    Subject.LICENSE: (*_TERMS, *_MODEL, "generated", "reason"),
}


def rules_of(document: Document, uses: tuple[str, ...], catalog: Catalog) -> tuple[Rule, ...]:
    """The rules of a policy file that follows its schema.

    Args:
        document: the file.
        uses: names of uses that rules may speak of.
        catalog: words that rules may use.

    Raises:
        PolicyError: a rule is wrong.
    """
    rules: dict[str, Rule] = {}
    for i, row in enumerate(cast("list[Mapping[str, Any]]", document.value.get("rules", []))):
        if row["id"] in rules:
            raise document.fail(f"two rules have the id {row['id']!r}", ("rules", i, "id"), "rename one of them")
        rules[row["id"]] = _rule(document, i, row, uses, catalog)
    return tuple(rules.values())


def organisation_of(document: Document, catalog: Catalog) -> Organisation:
    """The facts about the organisation in a policy file that follows its schema.

    Args:
        document: the file.
        catalog: knows the providers.

    Raises:
        PolicyError: it competes with somebody whom the catalog does not know, or with a part of a company.
    """
    said = cast("Mapping[str, Any]", document.value.get("organisation", {}))
    rivals = cast("list[str] | None", said.get("competes_with"))
    return Organisation(
        competes_with=None if rivals is None else _rivals(document, rivals, catalog),
        purpose=Purpose(said["purpose"]) if "purpose" in said else None,
        distributes_models=said.get("distributes_models"),
        monthly_users=said.get("monthly_users"),
        annual_revenue_usd=said.get("annual_revenue_usd"),
    )


def _rivals(document: Document, rivals: list[str], catalog: Catalog) -> tuple[str, ...]:
    """A misspelt rival would be nobody's rival, and what bars it would fall; so would what is left out of a company."""
    names: dict[str, set[str]] = {}
    for entry in catalog.terms.details:
        names.setdefault(entry.terms.provider.lower(), set()).update({entry.terms.provider.lower(), *entry.providers})
    found: list[set[str]] = []
    for i, rival in enumerate(rivals):
        meant = _meant(rival, names)
        if not meant:
            fix = suggest(rival, sorted({name for known in names.values() for name in known}))
            raise document.fail(f"no provider is called {rival!r}", ("organisation", "competes_with", i), fix)
        found.append(meant)
    everybody = {provider for meant in found for provider in meant}
    company = _companies(names)
    for i, (rival, meant) in enumerate(zip(rivals, found, strict=True)):
        companies = {company[provider] for provider in meant}
        if left := sorted(p for p in names.keys() - everybody if company[p] in companies):
            what = f"{rival!r} means {_told(meant)} and leaves out {_told(left)}, which is the same company"
            whole = {provider for each in companies for provider in _meant(each, names)}
            fix = f"write {_told(companies)}" if whole.issuperset(left) else f"list {_told(left)} as well"
            raise document.fail(what, ("organisation", "competes_with", i), fix)
    return tuple(sorted(everybody))


def _meant(rival: str, names: Mapping[str, Iterable[str]]) -> set[str]:
    return {provider for provider, known in names.items() if any(_is(rival.lower(), name) for name in known)}


def _companies(names: Iterable[str]) -> dict[str, str]:
    """Of each provider the one with whose name its own begins: Google of Google Cloud; itself where there is none."""
    words = {name: _words(name) for name in names}

    def begins(name: str, other: str) -> bool:
        return name == other or (bool(words[other]) and words[name][: len(words[other])] == words[other])

    return {name: min((other for other in words if begins(name, other)), key=len) for name in words}


def _words(name: str) -> list[str]:
    return [word for word in re.split(r"[\W_]+", name) if word]


def _told(providers: Iterable[str]) -> str:
    return " and ".join(repr(each) for each in sorted(providers))


def _is(rival: str, name: str) -> bool:
    return fnmatchcase(name, rival) or rival in _words(name)


def _rule(document: Document, i: int, row: Mapping[str, Any], uses: tuple[str, ...], catalog: Catalog) -> Rule:
    on = Subject(row["on"])
    if row["effect"] == _AS_TERMS and on is not Subject.MODEL:
        raise document.fail(
            f"effect 'as_terms' needs terms, and a rule on {on.value!r} has none",
            ("rules", i, "effect"),
            "use allow, warn, unknown or block",
        )
    return Rule(
        id=row["id"],
        on=on,
        effect=None if row["effect"] == _AS_TERMS else Effect.parse(row["effect"]),
        reason=" ".join(row["reason"].split()),
        fix=" ".join(row["fix"].split()),
        match=_match(document, i, on, cast("Mapping[str, Any]", row.get("when", {})), uses, catalog),
        at_most=Effect.parse(row.get("at_most", "block")),
    )


def _match(
    document: Document, i: int, on: Subject, when: Mapping[str, Any], uses: tuple[str, ...], catalog: Catalog
) -> Match:
    known: dict[str, Iterable[str]] = {
        "use": uses,
        "terms": [t.id for t in catalog.terms.entries],
        "restriction": [each.value for each in Restriction],
        "confidence": [each.value for each in Confidence],
        "reason": [each.value for each in ReasonCode],
        "influence": [each.lower() for each in Influence],
        "origin": [each.value for each in Origin],
        "acknowledgement": [each.lower() for each in Acknowledgement],
    }
    given: dict[str, Any] = {}
    for key, value in when.items():
        path = ("rules", i, "when", key)
        if key in _NEVER[on]:
            raise document.fail(
                f"a rule on {on.value!r} never has {key!r}, so it would never match", path, f"drop {key!r}"
            )
        if key == "generated":
            given |= {f"generated_{end}": document.day(day, (*path, end)) for end, day in value.items()}
            continue
        given[key] = (value,) if isinstance(value, str) else tuple(value)
        for at, pattern in enumerate(given[key]):
            place = path if isinstance(value, str) else (*path, at)
            _no_space_around(document, place, pattern)
            if key == "license":
                _one_license(document, place, pattern)
            elif key == "provider":
                _nobody_meant(document, place, pattern, catalog)
            elif key in ASKED_OF_ASSETS:
                _as_dagster_writes(document, place, key, pattern)
            else:
                _known_word(document, place, key, pattern, known.get(key))
        if never(given[key], always=key in _ALWAYS[on]):
            what = f"what {key!r} asks for it also excludes, so rule {document.value['rules'][i]['id']!r} never holds"
            raise document.fail(what, path, "take the `!` out where it is not meant")
        given[key] = _with_other_spellings(key, given[key])
    match = Match(**given)
    if match.generated_from and match.generated_until and match.generated_from > match.generated_until:
        raise document.fail("it ends before it begins", ("rules", i, "when", "generated"), "swap from and until")
    return match


def _known_word(
    document: Document, path: tuple[str | int, ...], key: str, pattern: str, known: Iterable[str] | None
) -> None:
    """A misspelt word would make a rule that never matches: a gate that is open in silence."""
    word = pattern.removeprefix("!")
    wild = any(c in word for c in "*?[")
    if known is None or (wild and key == "terms"):  # Of a catalog that is not at hand: a doubt, see doubts.py.
        return
    if not any(fnmatchcase(k.lower(), word.lower()) for k in known):
        fix = suggest(word.strip("*"), known)
        if key == "use":
            fix += "; a use of your own must be listed under 'uses'"
        raise document.fail(f"no {key} is called {word!r}", path, fix)


def _no_space_around(document: Document, path: tuple[str | int, ...], pattern: str) -> None:
    word = pattern.removeprefix("!")
    if word != word.strip() or not word:
        raise document.fail(f"{pattern!r} is compared with the space around it", path, f"write {_trimmed(pattern)}")


def _trimmed(pattern: str) -> str:
    word = pattern.strip().removeprefix("!").strip()
    return repr(("!" if pattern.strip().startswith("!") else "") + word) if word else "a name"


def _with_other_spellings(key: str, patterns: tuple[str, ...]) -> tuple[str, ...]:
    """With the host of what is written as a URL, and the name by which SPDX calls a licence now."""
    more: list[str] = []
    for pattern in patterns:
        if key == "license" and not pattern.startswith("!"):
            more += spellings(pattern)
        if key == "channel" and "/" in pattern and not pattern.startswith("!"):
            host = channel_name(pattern)
            more += [host] if host not in (None, SELF_HOSTED) else []
    return tuple(dict.fromkeys((*patterns, *more)))


def _nobody_meant(document: Document, path: tuple[str | int, ...], pattern: str, catalog: Catalog) -> None:
    """A provider may be anybody, as declarations name them; what is nearly the name of a known one is misspelt."""
    word = pattern.removeprefix("!").lower()
    known = {name for e in catalog.terms.details for name in (*e.providers, e.terms.provider.lower())}
    if any(c in word for c in "*?[") or word in known:
        return
    if close := get_close_matches(word, sorted(known), n=1, cutoff=0.8):
        fix = f"did you mean {close[0]!r}? Where it is meant, write {word + '*'!r}"
        raise document.fail(f"no provider is called {word!r}", path, fix)


def _as_dagster_writes(document: Document, path: tuple[str | int, ...], key: str, pattern: str) -> None:
    """What no definition can say of an asset is written otherwise than it is meant, and would never match."""
    barred, word = ("!" if pattern.startswith("!") else ""), pattern.removeprefix("!")
    selects = key.removeprefix("asset_") + ":"
    if word.lower().startswith(selects):
        rest = f"write {barred + word[len(selects) :].strip()!r}" if word[len(selects) :].strip() else "write a name"
        raise document.fail(f"{key!r} says already that {word!r} is meant by {selects!r}", path, rest)
    if key == "asset_tag" and ":" in word and "=" not in word:
        name, _, value = word.partition(":")
        fix = f"write {f'{barred}{name.strip()}={value.strip()}'!r}, with an equals sign"
        raise document.fail(f"no tag of an asset is written {word!r}", path, fix)
    if key == "asset_owner" and not any(c in word for c in "@:*?["):
        fix = f"write {f'{barred}team:{word}'!r} for the team, or the whole address"
        raise document.fail(f"an owner is a team or an e-mail address, and {word!r} is neither", path, fix)


def _one_license(document: Document, path: tuple[str | int, ...], pattern: str) -> None:
    """The same for licences, whose names SPDX lists."""
    word = pattern.removeprefix("!")
    if len(licenses_in(word)) > 1:
        raise document.fail(
            f"{word!r} names several licences", path, "list them one by one; which of an expression bind is worked out"
        )
    if any(c in word for c in "*?["):
        return
    if problem := expression_error(word):
        raise document.fail(problem, path, "use an id of the SPDX licence list, or LicenseRef-...")
