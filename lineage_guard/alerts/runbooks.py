"""The runbooks: what to do about each kind of trouble. They are shipped with the package."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from lineage_guard.domain.errors import ConfigError
from lineage_guard.domain.incidents.incident import GUARD_STALE, HISTORY_LOST, RULES_UNREADABLE
from lineage_guard.domain.rules.policy import ReasonCode

#: Runbooks that are not those of a reason.
STORM, WAIVER, PAGER = "storm", "waiver-ends", "page-not-delivered"
_INDEX = "README"
#: Rules on the guard itself that have a runbook of their own.
_OWN = (GUARD_STALE, HISTORY_LOST, RULES_UNREADABLE)
_ROW = re.compile(r"^\|(?P<rules>[^|]+)\|(?P<reasons>[^|]+)\|$", re.MULTILINE)
_CODE = re.compile(r"`([^`]+)`")


def name_of(reason: ReasonCode, rule: str = "") -> str:
    """The runbook of a finding.

    Args:
        reason: why it was found.
        rule: id of the rule that speaks.

    Example:
        >>> name_of(ReasonCode.RESTRICTED_MODEL)
        'restricted-model'
        >>> name_of(ReasonCode.GUARD_CANNOT_SEE, "guard-stale")
        'guard-stale'
    """
    own = next((each for each in _OWN if rule.startswith(each)), None)
    return own or reason.value.lower().replace("_", "-")


@cache
def names() -> tuple[str, ...]:
    """The names of all runbooks, sorted; their index, ``README``, is not among them.

    Example:
        >>> "restricted-model" in names()
        True
    """
    return tuple(sorted(path.stem for path in _folder().glob("*.md") if path.stem != _INDEX))


@cache
def text(name: str) -> str:
    """A runbook, as Markdown.

    Args:
        name: one of ``names()``, or ``README`` for their index.

    Raises:
        ConfigError: there is none of that name.

    Example:
        >>> text("guard-cannot-see").splitlines()[0]
        '# The guard cannot see'
    """
    if name != _INDEX and name not in names():
        raise ConfigError(f"there is no runbook {name!r}", fix=f"name one of: {', '.join(names())}")
    return (_folder() / f"{name}.md").read_text(encoding="utf-8")


def about(said: str) -> tuple[str, ...]:
    """The runbooks that something leads to: a runbook's name, a reason code or the id of a shipped rule.

    Raises:
        ConfigError: it leads to none.

    Example:
        >>> about("RESTRICTED_MODEL"), about("no-rule")
        (('restricted-model',), ('no-rule',))
        >>> about("unknown-model")
        ('unknown-model', 'unknown-channel', 'unknown-terms')
    """
    wanted = said.strip().removesuffix(".md")
    if wanted == _INDEX:
        return (_INDEX,)
    as_name = wanted.lower().replace("_", "-")
    found = [as_name] if as_name in names() else []
    found += [name_of(ReasonCode(r)) for r in rules().get(wanted.lower(), ())]
    if not found:
        raise ConfigError(
            f"nothing is called {said!r}", fix=f"name a rule, a reason code or a runbook: {', '.join(names())}"
        )
    return tuple(dict.fromkeys(found))


@cache
def rules() -> dict[str, tuple[str, ...]]:
    """The reasons that each shipped rule can have, as the index says."""
    found: dict[str, tuple[str, ...]] = {}
    for row in _ROW.finditer(text(_INDEX)):
        reasons = tuple(r for r in _CODE.findall(row["reasons"]) if r in set(ReasonCode))
        found |= dict.fromkeys(_CODE.findall(row["rules"]), reasons) if reasons else {}
    return found


def _folder() -> Path:
    packed = Path(__file__).parent / "runbook_texts"
    return packed if packed.is_dir() else Path(__file__).parents[2] / "docs" / "runbooks"
