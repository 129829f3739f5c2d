"""The text scan: phrases, engines that find the same, and what a result may say."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from lineage_guard.domain.errors import CatalogError, SuiteError
from lineage_guard.domain.facts import ModelSource
from lineage_guard.gx import matching
from lineage_guard.gx.matching import Tally, hits
from lineage_guard.gx.phrases import Phrase, load_phrases
from lineage_guard.gx.phrases.catalog import phrases_schema
from lineage_guard.gx.phrases.mentions import quoted
from lineage_guard.gx.scan import TextScan, responses_parameters, scan

CATALOG = load_phrases()


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as connection:
        yield connection


def scanned(connection: duckdb.DuckDBPyConnection, texts: list[str | None], engine: Any, *declared: str) -> TextScan:
    table = pa.table({"id": list(range(len(texts))), "response": pa.array(texts, pa.string())})
    connection.register("texts", table)
    return scan(connection, "texts", "response", declared, keys=["id"], engine=engine)


def test_the_catalog_is_large_enough_and_as_its_schema_says() -> None:
    from lineage_guard.catalog.documents import Document

    file = Path(sys.modules["lineage_guard.gx.phrases"].__path__[0]) / "phrases.yaml"
    document = Document(file.read_text("utf-8"), file.name, CatalogError)
    Draft202012Validator.check_schema(phrases_schema())
    Draft202012Validator(phrases_schema()).validate(document.value)
    assert len(CATALOG.phrases) >= 40
    assert {p.provider for p in CATALOG.phrases} == set(CATALOG.providers)


@pytest.mark.parametrize("phrase", CATALOG.phrases, ids=lambda p: p.id)
def test_each_phrase_is_found_in_its_example_and_says_who_speaks(phrase: Phrase) -> None:
    found = {h.phrase.id: h for h in hits(f"Well. {phrase.example}", CATALOG.phrases)}
    assert not found[phrase.id].quoted
    # A phrase of one provider is no phrase of another.
    assert {h.phrase.provider for h in found.values()} <= {phrase.provider, "any"}


@pytest.mark.parametrize("engine", ["hyperscan", "duckdb"])
def test_examples_are_found_by_every_engine(connection: duckdb.DuckDBPyConnection, engine: str) -> None:
    result = scanned(connection, [p.example for p in CATALOG.phrases], engine)
    by_id = {n.phrase: {k["id"] for k in n.keys} for n in result.found}
    for row, phrase in enumerate(CATALOG.phrases):
        assert row in by_id[phrase.id], phrase.id
    assert (result.rows, result.naming) == (len(CATALOG.phrases), len(CATALOG.phrases))
    assert not result.clean


@pytest.mark.parametrize(
    "text",
    [
        "i AM cHATgpt",
        "I’m ChatGPT",
        "I´m ChatGPT",
        "I\xa0am\u2003ChatGPT",
        "I am\n  ChatGPT",
        "I am **ChatGPT**",
        "I am _ChatGPT_.",
        "I\u200bam\u200bChatGPT",
        "I'm ChatGPT-4",
        "我是 ChatGPT",
        "我是**ChatGPT**",
        "我 是 chatgpt",
    ],
)
@pytest.mark.parametrize("engine", ["hyperscan", "duckdb"])
def test_spelling_does_not_hide_a_name(connection: duckdb.DuckDBPyConnection, text: str, engine: str) -> None:
    assert [n.provider for n in scanned(connection, ["", text, None], engine).found] == ["openai"]


@pytest.mark.parametrize("text", ["Siam ChatGPT", "I am ChatGPTs", "I am C hatGPT", "I am", "ChatGPT", "IamChatGPT"])
def test_other_words_are_no_names(text: str) -> None:
    assert hits(text, CATALOG.phrases) == []


def test_rows_do_not_run_into_each_other(connection: duckdb.DuckDBPyConnection) -> None:
    texts: list[str | None] = ["x. I am", " ChatGPT", "", None, "I am ", "Cha", "tGPT", "I am ChatGPT", "ChatGPT"]
    for engine in ("hyperscan", "duckdb"):
        result = scanned(connection, texts, engine)
        assert [(n.phrase, n.rows, n.keys) for n in result.named] == [("openai-chatgpt", 1, ({"id": 7},))], engine


def test_scans_in_threads_and_of_much_text_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["I am ChatGPT", None, "nothing", "I'm Claude, an AI", ""] * 300

    def one(engine: str) -> TextScan:
        with duckdb.connect(":memory:") as own:
            return scanned(own, texts, engine)

    expected = one("duckdb").named
    monkeypatch.setattr(matching, "MOST_BYTES", 1_000)
    with ThreadPoolExecutor(4) as pool:
        assert all(result.named == expected for result in pool.map(one, ["hyperscan"] * 8))


pieces = st.one_of(
    st.sampled_from([p.example for p in CATALOG.phrases]),
    st.sampled_from([w for p in CATALOG.phrases for w in p.example.split()]),
    st.sampled_from(
        ["I am", "I'm", "as an", "made by", "我是", '"', "'", "`", "\n\n", "> ", "**", "\u212a", "ſ", "é", "\0"]
    ),
    st.text(max_size=3),
)
sentences = st.lists(pieces, max_size=6).map(" ".join) | st.lists(pieces, max_size=4).map("".join)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.none() | sentences, max_size=6), st.sampled_from([(), ("openai", "any"), ("qwen",)]))
@example(["I am \u212aimi, an AI model.", "I’m Ki", "mi, an AI model."], ())
def test_all_engines_find_what_python_finds(texts: list[str | None], declared: tuple[str, ...]) -> None:
    wanted = CATALOG.of_others(declared)
    tally = Tally(20)
    for i, text in enumerate(texts):
        tally.add({"id": i}, hits(text or "", wanted))
    with duckdb.connect(":memory:") as connection:
        for engine in ("hyperscan", "duckdb"):
            result = scanned(connection, texts, engine, *declared)
            assert result.named == tally.named(wanted), engine
            assert (result.rows, result.naming) == (len(texts), tally.rows)
            assert result.texts == sum(1 for t in texts if t and t.strip(" "))


@settings(max_examples=60, deadline=None)
@given(sentences)
def test_an_engine_looks_wherever_python_finds(text: str) -> None:
    import re

    for hit in hits(text, CATALOG.phrases):
        assert re.search(hit.phrase.expression, text, re.IGNORECASE)
        assert any(re.search(a, text, re.IGNORECASE) for a in hit.phrase.anchors), hit.phrase.id


def test_a_result_names_rows_and_never_text(connection: duckdb.DuckDBPyConnection) -> None:
    result = scanned(connection, ["private I am ChatGPT", 'private: "I am ChatGPT"', "private"] * 30, None, "qwen")
    [named] = result.named
    assert (named.provider, named.rows, named.quoted, len(named.keys)) == ("openai", 30, 30, 20)
    assert str(result) == "openai: openai-chatgpt (30 rows); 30 only quoted"
    assert "private" not in repr(result)


def test_declared_providers_are_those_of_model_and_base_models() -> None:
    declared = CATALOG.declared
    assert declared([]) == frozenset()
    assert declared([ModelSource("openrouter", "anthropic/claude-3-opus")]) == {"anthropic", "any"}
    assert declared([ModelSource("me", "our-chat-7b", base_models=("meta-llama/Llama-3.1-8B",))]) == {"meta", "any"}
    assert declared([ModelSource("huggingface", "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B")]) == {
        "deepseek",
        "qwen",
        "any",
    }
    # A cloud does not say whose model it is.
    assert declared([ModelSource("azure", "Llama-3-70B", channel="azure.com")]) == {"meta", "any"}
    assert declared([ModelSource("openai-compatible", "our-chat-7b")]) == {"any"}
    assert responses_parameters([])["declared_providers"] == ["(nothing)"]


def test_what_cannot_be_relied_on_is_an_error(
    connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CatalogError, match="no phrases have the provider 'opena'"):
        scanned(connection, ["x"], None, "opena")
    with pytest.raises(SuiteError, match="no engine 're'"):
        scanned(connection, ["x"], "re")
    monkeypatch.setattr(matching, "import_module", lambda name: (_ for _ in ()).throw(ImportError(name)))
    with pytest.raises(SuiteError, match=r"pip install 'lineage-guard\[scan\]'"):
        matching.Matcher(CATALOG.phrases)


def test_no_text_is_not_clean(connection: duckdb.DuckDBPyConnection) -> None:
    for engine in ("hyperscan", "duckdb"):
        for texts in ([], [None], ["", "  "]):
            result = scanned(connection, list(texts), engine)
            assert (result.clean, str(result)) == (False, "there is no text")
        assert scanned(connection, ["x"], engine).clean
    assert not TextScan(2, 2, 0, complete=False).clean


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"phrases": [{"id": "x"}]}, "required property"),
        ({"wrong": 1}, "wrong"),
        ({"phrases": [{"provider": "nobody"}]}, "no provider is called 'nobody'"),
        ({"phrases": [{"id": "openai-chatgpt"}]}, "is taken"),
        ({"phrases": [{"example": "nothing of it"}]}, "not in its example"),
        ({"phrases": [{"phrase": "{unheard} of", "example": "abcd"}]}, "no part is called 'unheard'"),
        ({"phrases": [{"phrase": "(I am Acme", "example": "I am Acme"}]}, "brackets do not match"),
        ({"parts": {"a": "{b}", "b": "{a}"}, "phrases": [{"phrase": "{a} Acme"}]}, "in a circle"),
        ({"providers": [{"id": "openai", "name": "x", "declared_as": ["x"]}]}, "'openai' is taken"),
    ],
)
def test_a_wrong_catalog_is_refused_with_its_place(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    good = {
        "id": "acme-bot", "provider": "acme", "phrase": "{i_am} Acme Bot", "example": "Hi, I'm Acme Bot.",
        "false_positives": "nobody that we know of", "source": "our own bot",
    }  # fmt: skip
    document: dict[str, Any] = {
        "format": 1,
        "providers": [{"id": "acme", "name": "Acme", "declared_as": ["acme*"]}],
        "phrases": [good],
    }
    path = tmp_path / "own.yaml"
    path.write_text(json.dumps(document))
    mine = load_phrases(path)
    assert [h.phrase.id for h in hits("I am Acme Bot!", mine.phrases)] == ["acme-bot"]
    assert mine.digest != CATALOG.digest
    if change.get("phrases") == [{"id": "x"}]:
        broken = document | change
    else:
        broken = document | change | {"phrases": [good | p for p in change.get("phrases", [{}])]}
        if "providers" in change:
            broken["providers"] = [*document["providers"], *change["providers"]]
    path.write_text(json.dumps(broken))
    with pytest.raises(CatalogError, match=message) as caught:
        load_phrases(path)
    assert "own.yaml:" in str(caught.value)
    with pytest.raises(CatalogError, match="cannot be read"):
        load_phrases(tmp_path / "missing.yaml")


@pytest.mark.parametrize(
    ("text", "is_quoted"),
    [
        ("@", False),
        ('"@"', False),
        ('"@" she said.', True),
        ("'@' she said.", True),
        ("It's late, and @", False),
        ("the users' bot says @", False),
        ("“Hello. @”, it wrote", True),
        ("“Hello.” @", False),
        ("„@“ schrieb er", True),
        ("他说：「@」。", True),
        ("Run `print(@)`", True),
        ("```\n@\n```", False),
        ("Like this:\n```\n@\n```", True),
        ("Like this:\n```\nx\n```\n@", False),
        ("> @\n\nHe wrote that.", True),
        ("> @\n> and more", False),
        ('{"a": "@"}', False),
        ('A 5" disk.\n\n@', False),
        ('He said "no".\n\n@', False),
    ],
)
def test_who_is_quoted_does_not_speak(text: str, is_quoted: bool) -> None:
    assert quoted(text, text.index("@")) is is_quoted
