"""How often the text scan is right, on texts labelled by hand. To print it: python tests/gx/test_gx_precision.py

The texts in ``data/self_identification.jsonl`` were written for this purpose, one half by what models are known
to say (in the catalog's words and in others), one half by people, papers, code, manuals and stories that mention
models, quote them, or share a name with one. ``says`` holds the provider whose model speaks.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from lineage_guard.gx.matching import hits
from lineage_guard.gx.phrases import ANY, load_phrases

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "tests" / "gx" / "data" / "self_identification.jsonl"


class Measured(NamedTuple):
    texts: int
    speaking: int
    found: int
    right: int
    wrong: tuple[str, ...]
    missed: tuple[str, ...]

    @property
    def precision(self) -> float:
        return self.right / self.found

    @property
    def recall(self) -> float:
        return self.right / self.speaking

    def __str__(self) -> str:
        return (
            f"{self.texts} texts, a model speaks in {self.speaking}; found {self.found}, {self.right} of them rightly: "
            f"precision {self.precision:.2f}, recall {self.recall:.2f}"
        )


def sample() -> list[dict[str, Any]]:
    return [json.loads(line) for line in SAMPLE.read_text(encoding="utf-8").splitlines()]


def measure(count_quoted: bool = False) -> Measured:
    """By text and provider. A phrase that says no more than that a model speaks is right where any does."""
    phrases = load_phrases().phrases
    found = right = speaking = 0
    wrong: list[str] = []
    missed: list[str] = []
    texts = sample()
    for row in texts:
        says = set(row["says"])
        named = {h.phrase.provider for h in hits(row["text"], phrases) if count_quoted or not h.quoted}
        if named - {ANY}:
            named.discard(ANY)
        speaking += len(says)
        found += len(named)
        right += len(named & says)
        wrong += [f"{p}: {row['text']}" for p in sorted(named - says)]
        missed += [f"{p}: {row['text']}" for p in sorted(says - named)]
    return Measured(len(texts), speaking, found, right, tuple(wrong), tuple(missed))


def test_the_sample_is_what_it_says() -> None:
    texts = sample()
    assert len(texts) >= 150
    assert len({t["text"] for t in texts}) == len(texts)
    assert {p for t in texts for p in t["says"]} <= set(load_phrases().providers)


def test_the_scan_is_as_precise_as_the_page_says() -> None:
    measured = measure()
    page = (ROOT / "docs" / "responses.md").read_text(encoding="utf-8")
    assert str(measured) in page, f"put this into docs/responses.md: {measured}"
    assert measured.precision >= 0.9
    assert measured.recall >= 0.85


def test_leaving_out_what_is_quoted_is_what_makes_it_precise() -> None:
    without = measure(count_quoted=True)
    assert without.precision < measure().precision
    assert without.recall == measure().recall


if __name__ == "__main__":
    result = measure()
    print(result)
    print("with what is only quoted:", measure(count_quoted=True))
    for name in ("wrong", "missed"):
        print(f"\n{name}:", *getattr(result, name), sep="\n  ")
