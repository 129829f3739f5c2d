"""The runbooks that the package ships, as pages."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from lineage_guard.alerts.runbooks import names, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup


@cache
def read(name: str) -> Markup:
    """A runbook as HTML. What it links and is not a runbook is not shipped, and stands as text.

    Args:
        name: of the runbook.
    """
    from markdown_it import MarkdownIt
    from markupsafe import Markup

    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(text(name))
    for token in tokens:
        _relink(token.children or [])
    return Markup(markdown.renderer.render(tokens, markdown.options, {}))


def _relink(tokens: Sequence[Any]) -> None:
    for token in tokens:
        if token.type != "link_open":
            continue
        target, _, part = str(token.attrs.get("href", "")).partition("#")
        known = target.removesuffix(".md")
        if target.startswith(("https://", "http://")):
            token.attrs["rel"] = "noreferrer"
        elif target.endswith(".md") and known in names():
            token.attrs["href"] = f"/runbooks/{quote(known, safe='')}" + (f"#{part}" if part else "")
        elif target or not part:
            del token.attrs["href"]
