"""What is bundled is what was published, and pages load nothing else."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

from lineage_guard.web.rendering import STATIC

VENDOR = STATIC / "vendor"
TEMPLATES = STATIC.parent / "templates"


def test_bundled_files_are_those_that_the_readme_names():
    said = dict(
        re.findall(r"^\| `([^`]+)` \|.*\| `([0-9a-f]{64})` \|$", (VENDOR / "README.md").read_text(), re.MULTILINE)
    )
    assert said == {p.name: sha256(p.read_bytes()).hexdigest() for p in VENDOR.glob("*.js")}
    for name in re.findall(r"`([a-z-]+\.LICENSE)`", (VENDOR / "README.md").read_text()):
        assert "Permission is hereby granted" in (VENDOR / name).read_text("utf-8")


def test_no_page_has_a_script_or_style_in_itself_and_none_loads_from_elsewhere():
    for file in TEMPLATES.glob("*.html"):
        text = file.read_text("utf-8")
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=", text), file
        assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", text), file


def test_no_script_of_ours_makes_markup_of_text():
    for file in STATIC.glob("*.js"):
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|Function\(", file.read_text()
        ), file


def test_no_template_lets_a_value_through_unescaped():
    """The runbooks are our own text, made into markup by ``web.runbooks``; nothing else is."""
    for file in TEMPLATES.glob("*.html"):
        assert "| safe" not in Path(file).read_text("utf-8"), file
