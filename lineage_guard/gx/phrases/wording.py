"""A phrase of the catalog as regular expressions: one where an engine looks, one that decides.

An engine (Hyperscan, RE2 in DuckDB, Java in Spark, PostgreSQL) looks for the rare part of a phrase,
with everything between its words taken loosely: what the engines read alike is little, and loose
expressions are fast. What they find is where to look. The exact pattern, run by Python on those
texts, decides, so that every engine gives the same hits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_HAN = re.compile("[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]")
_PART = re.compile(r"\{([a-z_]+)\}")

# White space of every kind, the zero-width characters that web pages leave behind, and Markdown emphasis.
_BLANK = "\\s\u200b-\u200d\u2060\ufeff*_`"
_UNICODE_BLANK = "\x1c-\x1f\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_GAP = f"[{_BLANK}{_UNICODE_BLANK}\u2010-\u2013-]+"
_EXACT = {
    "_": " ",
    " ": _GAP,
    "'": "['`\xb4\u02bc\u2018\u2019\u2032\uff07]",
    "-": "[\u2010-\u2013-]",
    ",": f"[{_BLANK}{_UNICODE_BLANK}]*[,\u3001\uff0c]",
    # {version}: up to three short words, e.g. of "Claude 3.5 Sonnet".
    "\0": f"(?:{_GAP}[A-Za-z0-9.]{{1,12}}){{0,3}}",
    "maybe": f"[{_BLANK}{_UNICODE_BLANK}]*",
}
# Only what all engines read alike, on characters and on the bytes of UTF-8: no \\s, \\w, \\b, no look-around.
_ANY = "[^A-Za-z0-9]"
_LOOSE = {
    "_": " ",
    " ": f"{_ANY}+",
    "'": f"{_ANY}+",
    "-": f"{_ANY}+",
    ",": f"{_ANY}*",
    "\0": f"(?:{_ANY}+[A-Za-z0-9.]+){{0,3}}",
    "maybe": f"{_ANY}*",
}


def expand(phrase: str, parts: Mapping[str, str]) -> str:
    """A phrase with its parts filled in, but for ``{version}``.

    Args:
        phrase: as in the catalog.
        parts: text by name; parts may hold parts.

    Raises:
        ValueError: when a part is not known, or parts go round in a circle.

    Example:
        >>> expand("{i_am} ChatGPT", {"i_am": "(I am|I'm)"})
        "(I am|I'm) ChatGPT"
    """

    def fill(found: re.Match[str]) -> str:
        name = found.group(1)
        if name == "version":
            return "\0"
        if name not in parts:
            raise ValueError(f"no part is called {name!r}")
        return parts[name]

    for _ in range(8):
        filled = _PART.sub(fill, phrase)
        if filled == phrase:
            return phrase.replace("\0", "{version}")
        phrase = filled
    raise ValueError("its parts go round in a circle")


def core(phrase: str) -> str:
    """The rare part of an expanded phrase, with ``{version}`` as one NUL character."""
    marked = phrase.partition("<")[2].partition(">")[0] if "<" in phrase else phrase
    return marked.replace("{version}", "\0")


def expression(phrase: str) -> str:
    """Where an engine looks for an expanded phrase, to be used without regard to case.

    It is found in every text in which ``pattern`` finds something, and in others.

    Raises:
        ValueError: when brackets do not match.

    Example:
        >>> expression("as an <AI model>, I")
        'AI[^A-Za-z0-9]+model'
    """
    return _read(core(phrase), _LOOSE)


def pattern(phrase: str) -> re.Pattern[str]:
    """What decides whether a text holds a phrase: whole words, ASCII letters without regard to case.

    Raises:
        ValueError: when brackets do not match.

    Example:
        >>> bool(pattern("I am ChatGPT").search("Siam ChatGPTs")), bool(pattern("I'm AI").search("I’m **AI**."))
        (False, True)
    """
    whole = phrase.replace("<", "").replace(">", "")
    first = next((c for c in whole if c not in "(|)"), "")
    begins = "" if _HAN.match(first) else "(?<![A-Za-z0-9])"
    return re.compile(f"{begins}(?:{_read(whole, _EXACT)})(?![A-Za-z0-9])", re.IGNORECASE | re.ASCII)


def _read(phrase: str, tongue: Mapping[str, str]) -> str:
    text = phrase.replace("{version}", "\0")
    made: list[str] = []
    depth = 0
    before = ""
    edge = False
    for at in text:
        if at in "(|)":
            edge = True
            made.append("(?:" if at == "(" else at)
            depth += (at == "(") - (at == ")")
            if depth < 0:
                break
            continue
        # Chinese has no blanks of its own, but a name may be set off by one, or by Markdown.
        han = bool(_HAN.match(before)), bool(_HAN.match(at))
        if before and " " not in (before, at) and (han[0] != han[1] or (all(han) and edge)):
            made.append(tongue["maybe"])
        edge = False
        made.append(tongue.get(at) or (re.escape(at) if at in ".+*?[]{}^$\\" else at))
        before = at
    if depth:
        raise ValueError("its brackets do not match")
    return "".join(made)


def alternation(expressions: Iterable[str]) -> str:
    """Several expressions as one, each once."""
    return "|".join(f"(?:{e})" for e in dict.fromkeys(expressions))
