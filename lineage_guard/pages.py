"""Self-contained HTML pages: nothing is loaded, nothing runs, and names are text whatever they hold."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Template

#: Characters that turn the direction of text or cannot be seen.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ud800-\udfff]")


def template(file: Path, **filters: Callable[..., Any]) -> Template:
    """A Jinja template that escapes what it is given and refuses names it is not given.

    It has the filter ``seen``, for names from elsewhere.

    Args:
        file: the template; what it includes is looked up beside it.
        filters: further filters.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(file.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(filters, seen=seen)
    return environment.get_template(file.name)


def seen(value: object) -> str:
    r"""Text in which nothing is hidden: what cannot be seen is shown as its code.

    Example:
        >>> seen("a\u202eb")
        'a\\u202eb'
    """
    return _UNSEEN.sub(lambda m: f"\\u{ord(m[0]):04x}", str(value))
