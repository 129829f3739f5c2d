"""An audit report as one HTML page: self-contained, without scripts, readable in light, dark and print."""

from __future__ import annotations

import re
from base64 import b64encode
from datetime import datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineage_guard.domain.explain import name_of, path_text
from lineage_guard.report.contents import Report, WaiverText
from lineage_guard.report.gathering import passed

if TYPE_CHECKING:
    from jinja2 import Template

_FOLDER = Path(__file__).parent / "templates"
#: Characters that turn the direction of text or cannot be seen; a name that holds them is shown with their codes.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ud800-\udfff]")


def as_html(report: Report) -> bytes:
    """The page. Nothing in it is loaded from anywhere, nothing runs, and names are text whatever they hold.

    Args:
        report: the report.
    """
    style = (_FOLDER / "report.css").read_text("utf-8").strip()
    now = report.redecided.verdict
    v = report.version
    text = _template().render(
        report=report,
        names={s.id: str(s.reached.version) for s in report.sources},
        subject=name_of(report.version),
        full=f"{name_of(v)}@{v.run}" if v.run else str(v),
        last=report.decisions[-1].verdict if report.decisions else now,
        now=now,
        style=style,
        style_digest=b64encode(sha256(style.encode()).digest()).decode(),
    )
    return text.encode("utf-8", errors="backslashreplace")


@cache
def _template() -> Template:
    import jinja2

    loader = jinja2.FileSystemLoader(_FOLDER)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    filters: dict[str, Any] = {"seen": _seen, "time": _time, "web": _web}
    environment.filters.update({**filters, "path": path_text, "scope": _scope, "outcome": passed})
    return environment.get_template("report.html")


def _seen(value: object) -> str:
    r"""Text in which nothing is hidden: what cannot be seen is shown as its code.

    Example:
        >>> _seen("a\u202eb")
        'a\\u202eb'
    """
    return _UNSEEN.sub(lambda m: f"\\u{ord(m[0]):04x}", str(value))


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _web(url: str) -> bool:
    """Whether an address is one that a reader may follow."""
    return url.startswith(("https://", "http://"))


def _scope(text: WaiverText) -> str:
    w = text.waiver
    parts = {
        "rule": w.rule,
        "asset": w.asset,
        "model": w.model,
        "dataset": w.dataset,
        "partition": w.partition,
        "use": w.use,
    }
    return ", ".join(f"{name} {value}" for name, value in parts.items() if value is not None)
