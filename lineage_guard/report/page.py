"""An audit report as one HTML page: self-contained, without scripts, readable in light, dark and print."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from lineage_guard.domain.verdict.explain import name_of, path_text
from lineage_guard.pages import style_of, template
from lineage_guard.report.contents import Report, WaiverText
from lineage_guard.report.gathering import passed

if TYPE_CHECKING:
    from jinja2 import Template

_FOLDER = Path(__file__).parent / "templates"


def as_html(report: Report) -> bytes:
    """The page. Nothing in it is loaded from anywhere, nothing runs, and names are text whatever they hold.

    Args:
        report: the report.
    """
    now = report.redecided.verdict
    v = report.version
    text = _template().render(
        report=report,
        names={s.id: str(s.reached.version) for s in report.sources},
        subject=name_of(report.version),
        full=f"{name_of(v)}@{v.run}" if v.run else str(v),
        last=report.decisions[-1].verdict if report.decisions else now,
        now=now,
        style=style_of(_FOLDER / "report.css"),
    )
    return text.encode("utf-8", errors="backslashreplace")


@cache
def _template() -> Template:
    return template(_FOLDER / "report.html", time=_time, web=_web, path=path_text, scope=_scope, outcome=passed)


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
