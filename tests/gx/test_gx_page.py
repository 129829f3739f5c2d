"""The page of a result: complete, self-contained, and inert whatever names it shows."""

from __future__ import annotations

import re
from base64 import b64encode
from datetime import UTC, datetime
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

from lineage_guard.domain.verdict.evidence import Evidence, FailedExpectation
from lineage_guard.gx.page import About, page, write_page

HOSTILE = "</td><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7 * 7 }}\u202egnp.exe\x00\"'&"
AT = datetime(2026, 11, 22, tzinfo=UTC)
#: Elements that make up a page of text and tables; nothing among them runs or loads.
PLAIN = {
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "h1",
    "h2",
    "p",
    "bdi",
    "strong",
    "code",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
}


class Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def read(text: str) -> Seen:
    seen = Seen()
    seen.feed(text)
    return seen


def failing(name: str = HOSTILE) -> Evidence:
    failure = FailedExpectation(name, name, 3, name)
    return Evidence(name, name, name, name, False, 2, 2, AT, (failure,))


def test_hostile_names_are_text() -> None:
    text = page(failing(), About(HOSTILE, HOSTILE, [HOSTILE], [{HOSTILE: HOSTILE}]))
    seen = read(text)
    assert seen.tags <= PLAIN
    assert not {a for a in seen.attributes if a.startswith("on")} | (seen.attributes & {"src", "href", "style"})
    assert "<script>alert(1)</script>" in seen.text
    assert "{{ 7 * 7 }}" in seen.text
    assert "\\u202e" in seen.text
    assert not {"\u202e", "\x00"} & set(text)


def test_nothing_is_loaded_and_only_its_own_style_applies() -> None:
    text = page(failing("gpt-5"), About("answers", "rows_provenance"))
    assert not re.search(r"https?://|//\w|@import|url\(", text)
    [style] = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    assert "default-src 'none'" in policy
    assert f"'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'" in policy
    assert "prefers-color-scheme: dark" in style


def test_it_says_what_the_evidence_says(tmp_path: Path) -> None:
    about = About("answers", "rows_provenance", ["default:answers@1"], [{"id": "7", "of": "model"}])
    path = write_page(tmp_path / "pages", failing("expect_x"), about)
    text = read(path.read_text("utf-8")).text
    for said in ("1 of 2 expectations do not hold", "expect_x", "default:answers@1", "7", "2 of 2 expectations"):
        assert said in text
    assert path.parent == tmp_path / "pages"
    assert [p.suffix for p in path.parent.iterdir()] == [".html"]


def test_names_of_files_stay_in_their_folder(tmp_path: Path) -> None:
    one = write_page(tmp_path, failing(), About("../../etc/x", "a/b"))
    other = write_page(tmp_path, failing(), About("../../etc/y", "a/b"))
    assert one.parent == other.parent == tmp_path
    assert one != other


def test_an_error_and_a_pass_are_told_apart() -> None:
    good = Evidence("rows", "a", "b", "c", True, 15, 15, AT)
    bad = Evidence("rows", "a", "b", "c", False, 0, 15, AT, error="no such file")
    assert "All 15 expectations hold" in page(good, About("a", "c"))
    assert "could not be run, and that counts as a failure: no such file" in read(page(bad, About("a", "c"))).text
