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
    first character to its last, or is JSON, is a response in an envelope, and not quoted.

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
    cut = text.rfind("\n\n", begins, at)
    paragraph = begins if cut < 0 else cut + 2
    before = text[paragraph:at]
    # What opens with the text and closes with it is its envelope.
    whole = paragraph == begins
    ends = text.rstrip()[-1:]
    line = text[text.rfind("\n", 0, at) + 1 : at]
    if line.lstrip().startswith(">") and not all(x.lstrip().startswith(">") for x in text.split("\n") if x.strip()):
        return True
    fences = [f.start() for f in _FENCE.finditer(text, 0, at)]
    if len(fences) % 2 and not (text[: fences[0]].strip() == "" and text.rstrip().endswith(("```", "~~~"))):
        return True
    for mark in ('"', "\uff02", "`"):
        unfenced = before.replace("```", "")
        enveloped = whole and unfenced.startswith(mark) and ends == mark
        if (unfenced.count(mark) - enveloped) % 2:
            return True
    for opens, closes in _PAIRS:
        opened = before.rfind(opens)
        if opened > before.rfind(closes) and not (whole and opened == 0 and ends == closes):
            return True
    return _in_single(before, whole and ends in ("'", "\u2019"))


def _in_single(before: str, enveloped: bool) -> bool:
    opened = [m.start() for m in _OPENS.finditer(before + "x")]
    if not opened or (enveloped and opened[-1] == 0):
        return False
    closed = [m.start() for m in _CLOSES.finditer(before)]
    return not closed or closed[-1] < opened[-1]
