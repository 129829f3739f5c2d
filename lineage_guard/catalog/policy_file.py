"""Policy files: YAML that a lawyer can read, and what they import."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import lru_cache
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any, cast

from lineage_guard.catalog.documents import Document, suggest, text_of
from lineage_guard.catalog.doubts import Doubt, doubts
from lineage_guard.catalog.load import Catalog
from lineage_guard.catalog.rules import organisation_of, rules_of
from lineage_guard.domain.errors import PolicyError
from lineage_guard.domain.rules.narrowing import Additions, Loosening, narrowed
from lineage_guard.domain.rules.organisation import Organisation
from lineage_guard.domain.rules.policy import Policy
from lineage_guard.domain.rules.terms import USES
from lineage_guard.domain.rules.uniting import Conflict, united

_log = logging.getLogger(__name__)
#: Names of the policies that ship with the package.
PRESETS: tuple[str, ...] = ("default", "strict", "research", "observe")


def load_policy(source: str | Path, catalog: Catalog) -> Policy:
    """Load a shipped policy by name, or a policy file by path, with all that it imports.

    Args:
        source: one of ``PRESETS``, or the path of a YAML file.
        catalog: where the facts about models come from.

    Raises:
        PolicyError: a file cannot be read or is wrong, or loosens what it imports; names file, line,
            column and fix.

    Example:
        >>> from lineage_guard.catalog import load_catalog
        >>> load_policy("default", load_catalog()).unknown_blocks
        True
    """
    policy, doubtful = read_policy(source, catalog)
    for doubt in doubtful:
        if doubt.near is not None:
            _tell(doubt)
    return policy


def read_policy(source: str | Path, catalog: Catalog) -> tuple[Policy, tuple[Doubt, ...]]:
    """The same, and the names in its rules, or in those it imports, that nothing known answers to.

    Args:
        source: one of ``PRESETS``, or the path of a YAML file.
        catalog: where the facts about models come from.

    Raises:
        PolicyError: as for ``load_policy``.
    """
    if isinstance(source, str) and source in PRESETS:
        return _shipped(source, catalog), ()
    path = Path(source)
    if isinstance(source, str) and path.suffix not in (".yaml", ".yml") and not path.exists():
        raise PolicyError(
            f"no policy is called {source!r}", fix=suggest(source, PRESETS) + ", or give the path of a file"
        )
    try:
        text = text_of(path, PolicyError)
    except OSError as problem:
        raise PolicyError(
            f"cannot be read: {problem}", where=str(path), fix="check the path, or use one of " + ", ".join(PRESETS)
        ) from problem
    reading = _Reading(catalog)
    policy, _ = _parsed(text, str(path), reading, (path.resolve(),))
    return policy, tuple(reading.doubts)


@lru_cache(maxsize=256)
def _tell(doubt: Doubt) -> None:
    """Once: the gate reads its policy at each decision."""
    _log.warning("%s: %s. To fix: %s", doubt.where, doubt.what, doubt.fix)


def policy_files(path: Path) -> tuple[Path, ...]:
    """A policy file and every file that it imports, nearest first, as far as they can be read.

    Args:
        path: the file.

    Example:
        >>> [p.name for p in policy_files(Path("team.yaml"))]  # doctest: +SKIP
        ['team.yaml', 'company.yaml']
    """
    found: list[Path] = []
    ahead = [path]
    while ahead:
        path = ahead.pop(0)
        if path.resolve() in found:
            continue
        found.append(path.resolve())
        try:
            value: Any = Document(path.read_text(encoding="utf-8"), str(path), PolicyError).value
        except (OSError, UnicodeDecodeError, PolicyError):
            continue
        said = cast("Mapping[str, object]", value).get("import") if isinstance(value, Mapping) else None
        named = cast("list[object]", said) if isinstance(said, list) else [said]
        ahead += [path.parent / name for name in named if isinstance(name, str) and name not in PRESETS]
    return tuple(found)


def parse_policy(text: str, name: str, catalog: Catalog) -> Policy:
    """Read a policy from YAML text.

    Args:
        text: the YAML.
        name: shown in errors, normally the path; what is imported is looked for beside it.
        catalog: where the facts about models come from.

    Raises:
        PolicyError: the text is wrong.
    """
    return _parsed(text, name, _Reading(catalog), (Path(name).resolve(),))[0]


@lru_cache(maxsize=16)
def _shipped(name: str, catalog: Catalog) -> Policy:
    file = resources.files("lineage_guard.catalog") / "policies" / f"{name}.yaml"
    text = file.read_text(encoding="utf-8")
    document = Document(text, f"lineage_guard/catalog/policies/{name}.yaml", PolicyError)
    return _policy(document, _Reading(catalog), ())[0]


@dataclass(frozen=True)
class _Reading:
    """What a policy and all it imports are read with, and what was found doubtful in them."""

    catalog: Catalog
    doubts: list[Doubt] = field(default_factory=list[Doubt])


def _parsed(text: str, name: str, reading: _Reading, chain: tuple[Path, ...]) -> tuple[Policy, bool]:
    """A policy, and whether it leaves the facts about the organisation to whoever imports it."""
    document = Document(text, name, PolicyError)
    document.check("policy")
    policy = _policy(document, reading, chain)
    reading.doubts.extend(d for d in doubts(document, reading.catalog) if d not in reading.doubts)
    return policy


def _policy(document: Document, reading: _Reading, chain: tuple[Path, ...]) -> tuple[Policy, bool]:
    raw, catalog = cast("Mapping[str, Any]", document.value), reading.catalog
    imported, leaves = _united(document, raw.get("import"), reading, chain)
    uses = tuple(dict.fromkeys((*(imported.uses if imported else ()), *cast("list[str]", raw.get("uses", [])))))
    own = Additions(
        name=raw["name"],
        rules=rules_of(document, (*USES, *uses), catalog),
        organisation=organisation_of(document, catalog),
        counts_indirect=raw.get("counts_indirect"),
        unknown_blocks=raw.get("unknown_blocks"),
        uses=uses,
        version=raw.get("version", ""),
        description=raw.get("description", ""),
    )
    template = raw.get("template") is True
    if template and (own.organisation != Organisation() or not leaves):
        what = "a template leaves the facts about the organisation to others, and it or what it imports states them"
        raise document.fail(what, ("template",), "take `template` out, or the facts")
    if imported is None:
        return _sealed(_whole(own, catalog), catalog), template
    try:
        policy = narrowed(imported, own, template=leaves)
    except Loosening as problem:
        raise document.fail(f"it would loosen what it imports: {problem.what}", problem.part, problem.fix) from problem
    # Several are no policy of their own: a reader is told the names of each.
    several = isinstance(raw["import"], list) and len(cast("list[str]", raw["import"])) > 1
    return _sealed(replace(policy, imports=imported.imports) if several else policy, catalog), template


def _united(
    document: Document, said: str | list[str] | None, reading: _Reading, chain: tuple[Path, ...]
) -> tuple[Policy | None, bool]:
    """What a policy imports, as one, and whether all of it leaves the facts about the organisation open."""
    if said is None:
        return None, True
    if isinstance(said, str):
        return _imported(document, said, ("import",), reading, chain)
    found = [_imported(document, name, ("import", i), reading, chain) for i, name in enumerate(said)]
    templates = [template for _, template in found]
    if len(found) == 1:
        return found[0]
    try:
        return united([policy for policy, _ in found], templates), all(templates)
    except Conflict as problem:
        what = f"what it imports does not go together: {problem.what}"
        raise document.fail(what, ("import", problem.at), problem.fix) from problem


def _whole(own: Additions, catalog: Catalog) -> Policy:
    return Policy(
        name=own.name,
        rules=own.rules,
        terms=catalog.terms,
        counts_indirect=own.counts_indirect is True,
        unknown_blocks=own.unknown_blocks is not False,
        version=own.version,
        description=own.description,
        organisation=own.organisation,
        uses=own.uses,
    )


def _sealed(policy: Policy, catalog: Catalog) -> Policy:
    facts = (
        sorted(map(repr, policy.rules)),
        policy.name,
        policy.counts_indirect,
        policy.unknown_blocks,
        policy.organisation,
        catalog.digest,
    )
    return replace(policy, digest="sha256:" + sha256(repr(facts).encode()).hexdigest())


def _imported(
    document: Document, said: str, at: tuple[str | int, ...], reading: _Reading, chain: tuple[Path, ...]
) -> tuple[Policy, bool]:
    if said in PRESETS:
        return _shipped(said, reading.catalog), True
    path = Path(document.name).parent / said
    near = get_close_matches(said.lower(), PRESETS, n=1)
    fix = f"did you mean {near[0]!r}? Or " if near else ""
    fix += f"give a path relative to {Path(document.name).name}, or one of {', '.join(PRESETS)}"
    try:
        real = path.resolve()
        if real in chain:
            way = " -> ".join(p.name for p in (*chain[chain.index(real) :], path))
            raise document.fail(f"it imports itself: {way}", at, "take one of these imports out")
        text = text_of(path, PolicyError)
    except (OSError, ValueError, RuntimeError) as problem:  # A path may hold anything, a loop of links too.
        raise document.fail(f"what it imports cannot be read: {problem}", at, fix) from problem
    return _parsed(text, str(path), reading, (*chain, real))
