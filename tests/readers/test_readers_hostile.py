"""Files that are broken, foreign or hostile: a clear error with its line, and never a crash or a hang."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from reader_files import CONFIG, DATASET_CARD, GPT, HUB_STEP, MODEL_CARD, pipeline, step

from lineage_guard.domain.errors import ConfigError
from lineage_guard.domain.facts import Completeness
from lineage_guard.readers import read

BOMB = "a: &a [x, x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)}, *{chr(97 + i)}]\n" for i in range(24)
)


@pytest.mark.parametrize(
    ("name", "data", "line", "what"),
    [
        ("README.md", "# A title\n", 1, "no metadata"),
        ("README.md", "", 1, "no metadata"),
        ("README.md", "---\nlicense: mit\n", 1, "has no end"),
        ("README.md", "---\n- a\n---\n", 2, "no mapping"),
        ("README.md", "---\n# see the spec\n{{ card_data }}\n---\n", 3, "template that was not filled in"),
        ("README.md", "---\nlicense: {license}\n---\n", 2, "template that was not filled in"),
        ("README.md", "---\nlanguage: x\nsource_datasets:\n- {source_dataset_0}\n---\n", 4, "template"),
        ("README.md", "---\nlicense: mit\nlicense: other\n---\n", 3, "stands twice"),
        ("README.md", "---\nlicense: [mit\n---\n", 2, "no valid YAML"),
        ("README.md", "---\nlicense: !!python/object/apply:os.system ['true']\n---\n", 2, "the tag"),
        ("README.md", "---\na: &x {license: mit}\n<<: *x\n---\n", 3, "merge keys"),
        ("README.md", b"---\nlicense: mit\ntags: [\xff\xfe]\n---\n", 3, "no UTF-8"),
        ("README.md", "---\nlicense: mit\n---\n".encode("utf-16"), 1, "no UTF-8"),
        ("p.yaml", "a\0b", 1, "NUL"),
        ("p.yaml", "just text", 1, "of no kind"),
        ("p.yaml", "", 1, "of no kind"),
        ("p.json", "{", 1, "no valid YAML"),
        ("p.json", '{"a": "\\ud83d"}', 1, "no valid YAML"),
        ("p.yaml", "a: 1\n---\nb: 2\n", 2, "second document"),
        ("p.yaml", "[" * 200_000, 1, "deep"),
        ("p.yaml", "pipeline:\n  steps: []\n", 2, "no steps"),
        ("p.yaml", "pipeline:\n  steps:\n  - name: x\n", 3, "no type_info"),
        ("p.yaml", BOMB, 1, "of no kind"),
        ("p.yaml", "a: &a [*a]\npipeline: {steps: 3}\n", 2, "no steps"),
        ("p.yaml", "a" * (5 << 20), None, "MiB"),
    ],
    ids=lambda v: str(v)[:40],
)
def test_what_cannot_be_read_says_where_and_why(
    tmp_path: Path, name: str, data: str | bytes, line: int | None, what: str
) -> None:
    file = tmp_path / name
    file.write_bytes(data if isinstance(data, bytes) else data.encode())
    with pytest.raises(ConfigError) as caught:
        read(file)
    assert what in caught.value.what
    assert caught.value.where == (f"{file}:{line}" if line else str(file))
    assert caught.value.fix


@pytest.mark.parametrize("name", ["missing.md", "."])
def test_what_is_no_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read(tmp_path / name)


def test_a_bomb_of_aliases_in_a_pipeline_is_walked_once(tmp_path: Path) -> None:
    """2^24 lists when written out; and the one client in it is found."""
    body = json.dumps(pipeline(step("s", "TextGeneration", llm="@", extra="@@"))["pipeline"])
    body = body.replace('"@@"', f"*{chr(97 + 24)}").replace('"@"', "*llm")
    file = tmp_path / "p.yaml"
    file.write_text(f"llm: &llm {json.dumps(GPT)}\n{BOMB}pipeline: {body}\n")
    assert [str(m.value) for m in read(file).models] == ["openai/gpt-4o via api.openai.com"]


def test_a_byte_order_mark_and_windows_lines(tmp_path: Path) -> None:
    file = tmp_path / "README.md"
    file.write_bytes(b"\xef\xbb\xbf" + MODEL_CARD.replace("\n", "\r\n").encode())
    facts = read(file)
    assert facts.models[0].where == f"{file}:4"


def test_secrets_of_an_endpoint_are_not_repeated(tmp_path: Path) -> None:
    file = tmp_path / "p.json"
    llm = {**GPT, "base_url": "https://me:hunter2@gw.example/v1?key=hunter2", "api_key": "hunter2"}
    file.write_text(json.dumps(pipeline(step("s", "TextGeneration", llm=llm))))
    assert "hunter2" not in repr(read(file))


TEXTS = [
    ("README.md", DATASET_CARD),
    ("README.md", MODEL_CARD),
    ("p.json", json.dumps(pipeline(HUB_STEP, step("s", "TextGeneration", llm=GPT)), indent=1)),
    ("c.yaml", CONFIG),
]


@given(st.sampled_from(TEXTS), st.integers(0, 4000), st.text(max_size=6), st.integers(0, 40))
@example(TEXTS[0], 10, "{", 0)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_whatever_is_changed_in_a_file_it_is_read_or_refused_with_a_line(
    tmp_path: Path, file: tuple[str, str], at: int, put: str, cut: int
) -> None:
    name, text = file
    at %= len(text)
    path = tmp_path / name
    path.write_bytes((text[:at] + put + text[at + cut :]).encode("utf-8", "surrogatepass"))
    try:
        facts = read(path)
    except ConfigError as error:
        refused = error
    else:
        assert facts.completeness is not Completeness.COMPLETE
        facts.declaration()
        return
    assert re.match(re.escape(str(path)) + r"(:\d+)?$", str(refused.where))
    assert refused.fix
