"""The rarest words that a phrase cannot do without: where the fastest engine looks first."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lineage_guard.gx.phrases.wording import core, expression

_COMMON = frozenset(
    {"a", "ai", "am", "an", "and", "artificial", "as", "assistant", "built", "by", "can", "cannot", "chatbot"}
    | {"created", "designed", "developed", "do", "don", "i", "intelligence", "is", "it", "just", "language", "m"}
    | {"made", "model", "my", "name", "not", "of", "only", "open", "produced", "s", "so", "the", "there", "trained"}
    | {"was"}
)
# Shorter words are in too many others, like Yi in trying.
_SHORT = 3


@dataclass(frozen=True)
class _Word:
    text: str
    after_gap: bool

    @property
    def rarity(self) -> int:
        return 0 if self.text.lower() in _COMMON else len(self.text.encode())


_Choice = list[list["_Word | _Choice"]]


def anchors(phrase: str) -> tuple[str, ...]:
    """Expressions of which at least one is found in every text with the phrase, without regard to case.

    Example:
        >>> anchors("(I am|I'm) ChatGPT"), anchors("made by (Amazon|AWS)")
        (('ChatGPT',), ('Amazon', 'AWS'))
    """
    tree, _ = _parse(core(phrase), 0, False)
    words = _rarest(tree)
    if not words or min(w.rarity for w in words) == 0:
        return (expression(phrase),)
    made: list[str] = []
    for word in words:
        short = len(word.text.encode()) < _SHORT
        if short and not word.after_gap:
            return (expression(phrase),)
        made.append(("[^A-Za-z0-9]" if short else "") + re.escape(word.text).replace("\\ ", " "))
    return tuple(dict.fromkeys(made))


def _parse(text: str, at: int, gap: bool) -> tuple[_Choice, int]:
    """Read a choice: its alternatives, each a row of words and choices; and where it ends."""
    choice: _Choice = [[]]
    begun, word = gap, ""

    def end_word() -> None:
        nonlocal word, gap
        if word:
            choice[-1].append(_Word(word, gap))
            word, gap = "", False

    while at < len(text):
        c = text[at]
        if c == ")":
            break
        if c == "(":
            end_word()
            inner, at = _parse(text, at + 1, gap)
            choice[-1].append(inner)
            gap = False
        elif c == "|":
            end_word()
            choice.append([])
            gap = begun
        elif c in " ',-\0":
            end_word()
            # A comma may follow a letter with nothing between; a blank, an apostrophe or a hyphen is something.
            gap = c in " '-"
        else:
            if word and word[-1].isascii() != c.isascii():
                end_word()
            word += " " if c == "_" else c
        at += 1
    end_word()
    return choice, at


def _rarest(choice: _Choice) -> list[_Word]:
    """Words of which one is in every reading; empty when there is a reading without words."""
    found: list[_Word] = []
    for alternative in choice:
        sets = [[part] if isinstance(part, _Word) else _rarest(part) for part in alternative]
        sets = [s for s in sets if s]
        if not sets:
            return []
        found += max(sets, key=lambda s: (min(w.rarity for w in s), -len(s)))
    return found
