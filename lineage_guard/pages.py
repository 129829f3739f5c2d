"""Self-contained HTML pages: nothing is loaded, nothing runs, and names are text whatever they hold."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment, Template

#: Characters that turn the direction of text or cannot be seen.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Style:
    """A style sheet that stands in its page.

    Attributes:
        text: the sheet.
        policy: the content security policy of the page: this sheet applies, named by its digest, and no other;
            nothing is loaded and nothing runs.
    """

    text: str
    policy: str


def style_of(file: Path) -> Style:
    """Read a style sheet for a page that holds it as ``<style>{{ style.text | safe }}</style>``.

    Args:
        file: the sheet.
    """
    text = file.read_text("utf-8").strip()
    digest = b64encode(sha256(text.encode()).digest()).decode()
    return Style(text, f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'")


def template(file: Path, **filters: Callable[..., Any]) -> Template:
    """One template; see ``templates``.

    Args:
        file: the template; what it includes is looked up beside it.
        filters: further filters.
    """
    return templates(file.parent, **filters).get_template(file.name)


def templates(folder: Path, **filters: Callable[..., Any]) -> Environment:
    """Jinja templates that escape what they are given and refuse names they are not given.

    They have the filter ``seen``, for names from elsewhere.

    Args:
        folder: of the templates.
        filters: further filters.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(filters, seen=seen)
    return environment


def seen(value: object) -> str:
    r"""Text in which nothing is hidden: what cannot be seen is shown as its code.

    Example:
        >>> seen("a\u202eb")
        'a\\u202eb'
    """
    return _UNSEEN.sub(lambda m: f"\\u{ord(m[0]):04x}", str(value))
