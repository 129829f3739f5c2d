"""Links between pages lead somewhere, heading and all; what pages and messages tell to install exists."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *sorted(page for folder in ("docs", "dagster_project", "deploy") for page in (ROOT / folder).rglob("*.md")),
]
BLOCK = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"`[^`\n]+`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
EXTRAS = re.compile(r"lineage-guard\[([a-z, ]+)\]")


@cache
def headings(page: Path) -> frozenset[str]:
    """The anchors that GitHub gives a page: lower case, blanks to hyphens, other signs dropped, repeats counted."""
    found: dict[str, int] = {}
    for text in HEADING.findall(BLOCK.sub("", page.read_text("utf-8"))):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text).replace("`", "").lower()
        anchor = re.sub(r"[^\w\- ]", "", shown).replace(" ", "-")
        found[anchor] = found.get(anchor, -1) + 1
        if found[anchor]:
            found[f"{anchor}-{found[anchor]}"] = 0
    return frozenset(found)


def links(page: Path) -> list[str]:
    text = CODE.sub("code", BLOCK.sub("", page.read_text("utf-8")))
    return [link for link in LINK.findall(text) if not re.match(r"[a-z][a-z+.-]*:", link)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_to_a_file_and_to_a_heading_in_it(page: Path) -> None:
    lost = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in headings(target.resolve())):
            lost.append(link)
    assert not lost


def test_the_index_lists_every_decision_by_its_title() -> None:
    pages = sorted((ROOT / "docs/decisions").glob("0*.md"))
    titles = [page.read_text("utf-8").splitlines()[0].removeprefix("# ").split(". ", 1) for page in pages]
    rows = [f"| {n} | [{title}]({page.name}) |" for page, (n, title) in zip(pages, titles, strict=True)]
    index = (ROOT / "docs/decisions/README.md").read_text("utf-8")
    assert [line for line in index.splitlines() if line.startswith("| ") and "](" in line] == rows


def test_links_and_headings_are_found() -> None:
    assert "docs/quickstart.md" in links(ROOT / "README.md")
    assert "storms" not in headings(ROOT / "docs/alerts.md")
    assert {"incidents", "when-a-sink-does-not-answer"} <= headings(ROOT / "docs/alerts.md")


def test_every_extra_that_is_named_exists() -> None:
    known = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    places = [*PAGES, *(ROOT / "lineage_guard").rglob("*.py"), *(ROOT / "bench").rglob("*.py")]
    named = {
        extra.strip()
        for place in places
        for found in EXTRAS.findall(place.read_text("utf-8"))
        for extra in found.split(",")
    }
    assert {"web", "report", "apprise"} <= named
    assert named <= set(known)
