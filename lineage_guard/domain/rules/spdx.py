"""SPDX licence expressions: is this text one, what does it name, and what may a licensee choose?"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from itertools import product
from typing import Any, Protocol, cast

#: Combinations of choices above which all licences of an expression are taken to bind.
_MOST_CHOICES = 64
_ID = re.compile(r"[A-Za-z0-9.+:_-]*")
_WORD = re.compile(r"[A-Za-z0-9.+-]+")
#: What word processors and web pages make of a hyphen.
_DASHES = re.compile("[\u2010-\u2015\u2212]")
#: Ids that SPDX 3.0 of the licence list renamed: the GNU licences, and whatever ended with a plus sign.
_RENAMED = re.compile(r"(?i)([AL]?GPL|GFDL)(-[\d.]+)?\+?$|.*\+$")


class _Licensing(Protocol):
    """What is used of ``license_expression.Licensing``, which ships without types."""

    AND: type
    OR: type

    def unknown_license_keys(self, expression: str) -> list[str]: ...
    def parse(self, info: str, *, validate: bool) -> object: ...

    @property
    def known_symbols(self) -> Mapping[str, object]: ...


@cache
def _licensing() -> _Licensing:
    import license_expression

    untyped = cast("Any", license_expression)

    def on_the_list(id: str | None) -> bool:
        # A LicenseRef means what its author says. The index takes some for its own: LicenseRef-Apache-2.0 is there
        # a name of Apache-2.0, and LicenseRef-Commercial one of a text that nobody here has seen.
        return bool(id) and not str(id).startswith("LicenseRef-")

    rows = [
        {**row, "other_spdx_license_keys": [id for id in row.get("other_spdx_license_keys", ()) if on_the_list(id)]}
        for row in cast("list[dict[str, Any]]", untyped.get_license_index())
        if on_the_list(row.get("spdx_license_key"))
    ]
    return cast("_Licensing", untyped.build_spdx_licensing(rows))


def expression_error(text: str) -> str | None:
    """Say what is wrong with an SPDX licence expression, or ``None`` when nothing is.

    Licences outside the SPDX list are written ``LicenseRef-<idstring>`` (SPDX 2.3, annex D).

    Args:
        text: the expression.

    Example:
        >>> expression_error("Apache-2.0 AND LicenseRef-OpenAI-Terms") is None
        True
        >>> expression_error("Appache-2.0")
        "'Appache-2.0' is not on the SPDX licence list"
    """
    from license_expression import ExpressionError, ExpressionParseError

    if not text.strip():
        return "it is empty"
    try:
        symbols = _licensing().unknown_license_keys(text)
    except (ExpressionError, ExpressionParseError) as error:
        return f"{text!r} cannot be read: {error}"
    unknown = [s for s in symbols if not s.startswith(("LicenseRef-", "DocumentRef-"))]
    return f"{unknown[0]!r} is not on the SPDX licence list" if unknown else None


def canonical(text: str) -> str:
    """An expression as the SPDX licence list spells it.

    Args:
        text: an expression of which ``expression_error`` finds nothing wrong.

    Example:
        >>> canonical("cc-by-4.0"), canonical("gpl-3.0")
        ('CC-BY-4.0', 'GPL-3.0-only')
    """
    return str(_licensing().parse(text, validate=False))


def known_ids() -> frozenset[str]:
    """Every id of the SPDX licence list, as it is spelt there."""
    return frozenset(_licensing().known_symbols)


@lru_cache(maxsize=1024)
def is_listed(text: str) -> bool:
    """Whether a licence is one of the SPDX list, which anybody may read and take; a ``LicenseRef`` is not.

    Example:
        >>> is_listed("MIT"), is_listed("LicenseRef-Commercial"), is_listed("Apache-2.0 WITH LLVM-exception")
        (True, False, True)
    """
    return "licenseref-" not in text.lower() and expression_error(text) is None


@lru_cache(maxsize=1024)
def spellings(id: str) -> tuple[str, ...]:
    """A licence id, and the one that the SPDX list has put in its place: an old name is the same licence. Total.

    Args:
        id: as stated.

    Example:
        >>> spellings("GPL-3.0"), spellings("MIT")
        (('GPL-3.0', 'GPL-3.0-only'), ('MIT',))
    """
    if not _RENAMED.match(id):
        return (id,)
    try:
        return tuple(dict.fromkeys((id, canonical(id))))
    except Exception:  # noqa: BLE001  as below: what is no id is a licence of that name
        return (id,)


@lru_cache(maxsize=1024)
def choices(text: str) -> tuple[tuple[str, ...], ...]:
    """What a licensee may choose between: ``OR`` gives a choice, and of each choice everything binds.

    A text that is no expression is one licence of that name; the ids of the SPDX list in it bind as well. Total.

    Args:
        text: an SPDX expression.

    Example:
        >>> choices("MIT OR (GPL-3.0-only AND CC-BY-4.0)")
        (('MIT',), ('GPL-3.0-only', 'CC-BY-4.0'))
        >>> choices("MIT, CC-BY-NC-4.0")
        (('MIT, CC-BY-NC-4.0', 'MIT', 'CC-BY-NC-4.0'),)
    """
    plain = " ".join(_DASHES.sub("-", text).split())
    if _ID.fullmatch(plain):
        return ((plain,),)
    try:
        licensing = _licensing()
        found = _choices(licensing.parse(plain, validate=False), licensing)
    except Exception:  # noqa: BLE001  the parser raises what it likes, and a licence nobody can read is still one
        return (_unread(plain),)
    return tuple(dict.fromkeys(found))


def _unread(text: str) -> tuple[str, ...]:
    """A text in words of its own, and the licences that it names."""
    listed = {id.lower(): id for id in known_ids()}
    words: list[str] = [word.strip(".") for word in _WORD.findall(text)]
    named = [listed.get(word.lower(), word) for word in words if word.lower() in listed or _RENAMED.match(word)]
    return tuple(dict.fromkeys((text, *named)))


@lru_cache(maxsize=1024)
def licenses_in(text: str) -> tuple[str, ...]:
    """Every licence that an expression names.

    Example:
        >>> licenses_in("MIT OR Apache-2.0 WITH LLVM-exception")
        ('MIT', 'Apache-2.0 WITH LLVM-exception')
    """
    return tuple(dict.fromkeys(id for choice in choices(text) for id in choice))


def _choices(node: Any, licensing: _Licensing) -> Sequence[tuple[str, ...]]:
    if not isinstance(node, (licensing.AND, licensing.OR)):
        text = str(node)
        return [_unread(text) if " " in text and " WITH " not in text else (text,)]
    parts = [_choices(each, licensing) for each in node.args]
    if isinstance(node, licensing.OR):
        return [choice for part in parts for choice in part]
    count = 1
    for part in parts:
        count *= len(part)
    if count > _MOST_CHOICES:
        return [tuple(dict.fromkeys(id for part in parts for choice in part for id in choice))]
    return [tuple(dict.fromkeys(id for choice in chosen for id in choice)) for chosen in product(*parts)]
