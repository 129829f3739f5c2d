"""Policy files: YAML that a lawyer can read, checked until no typo can open a gate."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any, cast

from lineage_guard.catalog.documents import Document, suggest
from lineage_guard.catalog.load import Catalog
from lineage_guard.domain.errors import PolicyError
from lineage_guard.domain.policy import Match, Policy, ReasonCode, Rule, Subject
from lineage_guard.domain.terms import USES, Confidence, Effect, Restriction

#: Names of the policies that ship with the package.
PRESETS: tuple[str, ...] = ("default", "strict", "research", "observe")

_AS_TERMS = "as_terms"


def load_policy(source: str | Path, catalog: Catalog) -> Policy:
    """Load a shipped policy by name, or a policy file by path.

    Args:
        source: one of ``PRESETS``, or the path of a YAML file.
        catalog: where the facts about models come from.

    Raises:
        PolicyError: the file cannot be read or is wrong; names file, line, column and fix.

    Example:
        >>> from lineage_guard.catalog import load_catalog
        >>> load_policy("default", load_catalog()).unknown_blocks
        True
    """
    if isinstance(source, str) and source in PRESETS:
        file = resources.files("lineage_guard.catalog") / "policies" / f"{source}.yaml"
        return _shipped(file.read_text(encoding="utf-8"), f"lineage_guard/catalog/policies/{source}.yaml", catalog)
    path = Path(source)
    if isinstance(source, str) and path.suffix not in (".yaml", ".yml") and not path.exists():
        raise PolicyError(
            f"no policy is called {source!r}", fix=suggest(source, PRESETS) + ", or give the path of a file"
        )
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise PolicyError(
            f"cannot be read: {problem}", where=str(path), fix="check the path, or use one of " + ", ".join(PRESETS)
        ) from problem
    return parse_policy(text, str(path), catalog)


@lru_cache(maxsize=16)
def _shipped(text: str, name: str, catalog: Catalog) -> Policy:
    return _policy(Document(text, name, PolicyError), catalog)


def parse_policy(text: str, name: str, catalog: Catalog) -> Policy:
    """Read a policy from YAML text.

    Args:
        text: the YAML.
        name: shown in errors, normally the path.
        catalog: where the facts about models come from.

    Raises:
        PolicyError: the text is wrong.
    """
    document = Document(text, name, PolicyError)
    document.check("policy")
    return _policy(document, catalog)


def _policy(document: Document, catalog: Catalog) -> Policy:
    raw = cast("Mapping[str, Any]", document.value)
    uses = (*USES, *cast("list[str]", raw.get("uses", [])))
    rules: dict[str, Rule] = {}
    for i, row in enumerate(cast("list[Mapping[str, Any]]", raw["rules"])):
        if row["id"] in rules:
            raise document.fail(f"two rules have the id {row['id']!r}", ("rules", i, "id"), "rename one of them")
        rules[row["id"]] = _rule(document, i, row, uses, catalog)
    policy = Policy(
        name=raw["name"],
        rules=tuple(rules.values()),
        terms=catalog.terms,
        counts_indirect=raw.get("counts_indirect", False),
        unknown_blocks=raw.get("unknown_blocks", True),
        version=raw.get("version", ""),
        description=raw.get("description", ""),
        digest="",
    )
    facts = (
        sorted(map(repr, policy.rules)),
        policy.name,
        policy.counts_indirect,
        policy.unknown_blocks,
        catalog.digest,
    )
    return Policy(
        **{f: getattr(policy, f) for f in policy.__dataclass_fields__ if f != "digest"},
        digest="sha256:" + sha256(repr(facts).encode()).hexdigest(),
    )


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


_NEEDS_TERMS = ("terms", "restriction", "confidence")
_NEEDS_MODEL = ("provider", "model", "channel")


def _match(
    document: Document, i: int, on: Subject, when: Mapping[str, Any], uses: tuple[str, ...], catalog: Catalog
) -> Match:
    known: dict[str, list[str]] = {
        "use": list(uses),
        "terms": [t.id for t in catalog.terms.entries],
        "restriction": [r.value for r in Restriction],
        "confidence": [c.value for c in Confidence],
        "reason": [r.value for r in ReasonCode],
    }
    given: dict[str, tuple[str, ...]] = {}
    for key, value in when.items():
        path = ("rules", i, "when", key)
        if (key in _NEEDS_TERMS and on is not Subject.MODEL) or (key in _NEEDS_MODEL and on is Subject.GAP):
            raise document.fail(
                f"a rule on {on.value!r} never has {key!r}, so it would never match", path, f"drop {key!r}"
            )
        given[key] = (value,) if isinstance(value, str) else tuple(value)
        for at, pattern in enumerate(given[key]):
            _known_word(document, path if isinstance(value, str) else (*path, at), key, pattern, known.get(key))
    return Match(**given)


def _known_word(
    document: Document, path: tuple[str | int, ...], key: str, pattern: str, known: list[str] | None
) -> None:
    """A misspelt word would make a rule that never matches: a gate that is open in silence."""
    word = pattern.removeprefix("!")
    if known is None or any(c in word for c in "*?["):
        return
    if word.lower() not in (k.lower() for k in known):
        fix = suggest(word, known)
        if key == "use":
            fix += "; a use of your own must be listed under 'uses'"
        raise document.fail(f"no {key} is called {word!r}", path, fix)
