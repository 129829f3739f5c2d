"""An alert as Slack shows it: Block Kit, within its limits, and inert whatever assets are called."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from lineage_guard.alerts.alert import Alert

#: Limits of Block Kit, in characters: of a section's text, of a header, of a context element; and blocks per message.
SECTION, HEADER, CONTEXT, BLOCKS = 3000, 150, 2000, 50
_FENCE = "```"


def blocks_of(alert: Alert) -> list[dict[str, Any]]:
    """The blocks of one message: headline, message, path, what changed, owners, ways on, links.

    Args:
        alert: what to show.
    """
    parts: list[str] = [escaped(alert.message, SECTION)]
    if alert.causes:
        parts.append(_list(alert.causes))
    if alert.path:
        parts += _titled("*Path*", (f"{'└─> ' if n else ''}{step}" for n, step in enumerate(alert.path)))
    if alert.changed:
        parts.append("*What changed:* " + escaped(alert.changed, SECTION - 20))
    facts = [
        ("Stops", ", ".join(alert.targets) if alert.assets > 1 else ""),
        ("Downstream", alert.impact),
        ("Owners", ", ".join(alert.whose)),
        ("Rule", f"{alert.rule} ({alert.reason})"),
        ("Found in", ", ".join(alert.scope)),
    ]
    parts.append("\n".join(f"*{name}:* {escaped(value, 550)}" for name, value in facts if value))
    for n, way in enumerate(alert.ways, 1):
        parts += _titled(f"*{n}.* {escaped(way.title, SECTION - 20)}", way.commands)
    links = [_link(url, name) for name, url in {**alert.links, "Runbook": alert.runbook}.items()]
    header = {"type": "header", "text": {"type": "plain_text", "text": _cut(alert.headline, HEADER), "emoji": False}}
    context = [_text(_joined(links)), _text(escaped(alert.incident, CONTEXT))]
    sections = [{"type": "section", "text": _text(part)} for part in parts if part]
    elements = [element for element in context if element["text"]]
    return [header, *sections[: BLOCKS - 2], {"type": "context", "elements": elements}]


def escaped(text: str, limit: int) -> str:
    """Text that Slack shows as it is: no mention, no link, no block, and at most ``limit`` characters when escaped.

    Example:
        >>> escaped("<!channel> & co", 100)
        '&lt;!channel&gt; &amp; co'
        >>> escaped("<<<<", 10)
        '&lt;&lt;…'
    """
    text = text.replace(_FENCE, "'''")
    whole = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if len(whole) <= limit:
        return whole
    out = ""
    for letter in text:
        more = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}.get(letter, letter)
        if len(out) + len(more) >= limit:
            break
        out += more
    return out + "…"


def _list(lines: Sequence[str]) -> str:
    """As many lines as one section holds, and how many are left out."""
    shown, room = list[str](), SECTION - 30
    for line in lines:
        one = f"• {escaped(line, 250)}"
        room -= len(one) + 1
        if room < 0:
            break
        shown.append(one)
    left = len(lines) - len(shown)
    return "\n".join([*shown, f"… {left} more"] if left else shown)


def _titled(title: str, lines: Iterable[str]) -> list[str]:
    """Preformatted lines below a title, in one section where they fit."""
    first, *rest = _fenced(lines) or [""]
    whole = f"{title}\n{first}".strip()
    return [whole, *rest] if len(whole) <= SECTION else [title, first, *rest]


def _fenced(lines: Iterable[str]) -> list[str]:
    """Lines in as few preformatted blocks as hold them. A name cannot end its block."""
    blocks: list[str] = []
    room = SECTION - 2 * len(_FENCE) - 2
    for line in lines:
        one = escaped(line, room)
        if blocks and len(blocks[-1]) + 1 + len(one) <= room:
            blocks[-1] += "\n" + one
        else:
            blocks.append(one)
    return [f"{_FENCE}{block}\n{_FENCE}" for block in blocks]


def _link(url: str, name: str) -> str:
    if not url.startswith(("https://", "http://")):
        return escaped(f"{name}: {url}", 600)
    address = escaped(url.replace("|", "%7C"), CONTEXT)
    # An address that is cut leads nowhere.
    return "" if address.endswith("…") else f"<{address}|{escaped(name, 100)}>"


def _joined(links: Iterable[str]) -> str:
    """The links that fit beside each other: one that is cut leads nowhere."""
    whole = ""
    for link in links:
        more = f"{whole}  {link}" if whole and link else whole or link
        whole = more if len(more) <= CONTEXT else whole
    return whole


def _text(text: str) -> dict[str, Any]:
    # Verbatim: Slack makes no links or mentions of what looks like some.
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
