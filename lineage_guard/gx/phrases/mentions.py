"""Who is quoted does not speak: whether a phrase stands in quotation marks, in code or in a quoted block."""

from __future__ import annotations

import re

_PAIRS = (("\u201c", "\u201d"), ("\u201e", "\u201c"), ("\xab", "\xbb"), ("\u300c", "\u300d"), ("\u300e", "\u300f"))
_OPENS = re.compile(r"(?<![A-Za-z0-9])['\u2018](?=\S)")
_CLOSES = re.compile(r"(?<=[A-Za-z0-9.,!?\u2026)])['\u2019](?![A-Za-z0-9])")
_FENCE = re.compile(r"^[ \t]*(?:```|~~~)", re.MULTILINE)


def quoted(text: str, at: int) -> bool:
    """Whether what begins at a place of a text is quoted rather than said.

    Quoted is what stands in quotation marks or backticks that were opened in the same paragraph, in a
    fenced block of code, or behind a ``>`` at the beginning of its line. A text that is quoted from its
    first character, or is JSON, is a whole response in an envelope, and not quoted.

    Args:
        text: the whole text.
        at: where the phrase begins.

    Example:
        >>> text = 'I asked it, and it said "I am ChatGPT".'
        >>> quoted(text, text.index("I am")), quoted('"I am ChatGPT"', 1), quoted("I am ChatGPT", 0)
        (True, False, False)
    """
    begins = len(text) - len(text.lstrip())
    if text[begins : begins + 1] in ("{", "["):
        return False
    paragraph = max(text.rfind("\n\n", 0, at) + 2 if "\n\n" in text[:at] else 0, begins)
    line = text[text.rfind("\n", 0, at) + 1 : at]
    before = text[paragraph:at]
    if line.lstrip().startswith(">") and not text[begins:].startswith(">"):
        return True
    fences = [f.start() for f in _FENCE.finditer(text, 0, at)]
    if len(fences) % 2 and text[: fences[0]].strip():
        return True
    # A mark that opens the whole text is its envelope.
    enveloped = paragraph == begins
    for mark in ('"', "\uff02"):
        count = before.count(mark) - (enveloped and before.startswith(mark))
        if count % 2:
            return True
    # Emphasis and code share no mark, but a phrase may itself be set as code.
    if before.replace("```", "").count("`") % 2 and not (enveloped and before.startswith("`")):
        return True
    for opens, closes in _PAIRS:
        opened = before.rfind(opens)
        if opened > before.rfind(closes) and not (enveloped and opened == 0):
            return True
    return _single(before, enveloped)


def _single(before: str, enveloped: bool) -> bool:
    opened = [m.start() for m in _OPENS.finditer(before + "x")]
    if not opened or (enveloped and opened[-1] == 0):
        return False
    closed = [m.start() for m in _CLOSES.finditer(before)]
    return not closed or closed[-1] < opened[-1]
