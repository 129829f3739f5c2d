"""The result of a suite as one HTML page: self-contained, without scripts, readable in light and dark."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from lineage_guard.domain.verdict.evidence import Evidence
from lineage_guard.pages import style_of, template

if TYPE_CHECKING:
    from jinja2 import Template

_FOLDER = Path(__file__).parent / "templates"
_PLAIN = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True)
class About:
    """What a result is about.

    Attributes:
        asset: name of the asset.
        check: name of the check.
        versions: the versions whose rows it ran on.
        rows: a few failing rows, each by column.
    """

    asset: str
    check: str
    versions: Sequence[str] = ()
    rows: Sequence[Mapping[str, str]] = ()


def page(evidence: Evidence, about: About) -> str:
    """The page. Nothing in it is loaded from anywhere, nothing runs, and names are text whatever they hold.

    Args:
        evidence: the result.
        about: what it is about.

    Example:
        >>> from datetime import UTC, datetime
        >>> e = Evidence("rows", "sha256:a", "sha256:b", "sha256:c", True, 1, 1, datetime(2026, 1, 1, tzinfo=UTC))
        >>> "All 1 expectations hold" in page(e, About("answers", "rows_provenance"))
        True
    """
    columns = list(dict.fromkeys(c for row in about.rows for c in row))
    return _template().render(
        evidence=evidence,
        about=about,
        columns=columns,
        headline=headline(evidence),
        style=style_of(_FOLDER / "result.css"),
    )


def write_page(folder: Path, evidence: Evidence, about: About) -> Path:
    """Write the page into a folder, under a name that follows from what it shows.

    Args:
        folder: made when it is not there.
        evidence: the result.
        about: what it is about.

    Raises:
        OSError: when it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{about.asset} {about.check}"
    plain = _PLAIN.sub("-", name).strip("-")[:80]
    told_apart = sha256(f"{name}\n{evidence.key}\n{evidence.at.isoformat()}".encode("utf-8", "replace")).hexdigest()[
        :16
    ]
    path = folder / f"{plain}-{told_apart}.html"
    handle, aside = tempfile.mkstemp(dir=folder, suffix=".part")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(page(evidence, about))
    Path(aside).chmod(0o644)
    os.replace(aside, path)
    return path


def headline(evidence: Evidence) -> str:
    """One sentence: whether the expectations hold."""
    if evidence.error is not None:
        return f"Suite {evidence.suite!r} could not be run, and that counts as a failure: {evidence.error}"
    if evidence.failures:
        columns = ", ".join(dict.fromkeys(f.column for f in evidence.failures if f.column)) or "the table"
        return f"{len(evidence.failures)} of {evidence.expected} expectations do not hold, on {columns}."
    return f"All {evidence.expected} expectations hold."


@cache
def _template() -> Template:
    return template(_FOLDER / "result.html")
