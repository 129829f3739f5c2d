"""`lineage-guard explain`: every path, the smallest change, quarantine and waivers, as text, JSON and a page."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from uuid import UUID
from zlib import crc32

import jsonschema
import pytest
from click.testing import CliRunner

import lineage_guard
from lineage_guard.cli import cli
from lineage_guard.domain.facts import Input, ModelSource, Production, Version
from lineage_guard.domain.verdict.remedy import Action, Change
from lineage_guard.domain.verdict.runs import AssetRun, RunState
from lineage_guard.explaining.words import done
from lineage_guard.ledger import open_ledger
from lineage_guard.openlineage.encode import event_of

SCHEMA = json.loads((Path(lineage_guard.__file__).parent / "cli/schemas/explanation.schema.json").read_text())
HOSTILE = "</style><script>alert(1)</script><img src=//evil onerror=x>\u202e{{ 7*7 }}"
GPT = ModelSource("openai", "gpt-4o", channel="api.openai.com", record_count=1200)


def version(name: str, n: int = 1) -> Version:
    return Version(
        "default", name, None, str(UUID(int=(7 << 76) | (2 << 62) | (crc32(name.encode()) & 0xFFFF) << 8 | n))
    )


def recorded(folder: Path, *made: Production) -> list[str]:
    start = datetime(2026, 11, 1, tzinfo=UTC)
    ledger = open_ledger(str(folder))
    for n, production in enumerate(made):
        v = production.outputs[0]
        at = start + timedelta(minutes=n)
        run = AssetRun(str(v.run), RunState.COMPLETE, at, v.namespace, v.name, replace(production, produced_at=at))
        ledger.append([event_of(run)])
    return ["--ledger", str(folder)]


def made(out: Version, *inputs: Version, models: tuple[ModelSource, ...] = ()) -> Production:
    return Production((out,), inputs=tuple(map(Input, inputs)), models=models)


@pytest.fixture
def layered(tmp_path, monkeypatch) -> list[str]:
    """A student that reads a table of two, each of three that were made from one answer of GPT-4o."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    answers, letters, mixed = version("answers"), version("letters"), version("mixed")
    middle = [version(f"part{n}") for n in range(3)]
    return recorded(
        tmp_path / "ledger",
        made(answers, models=(GPT,)),
        made(letters),
        *(made(m, answers) for m in middle),
        made(mixed, *middle, letters),
        made(version("student"), mixed),
    )


def explain(*args: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["explain", *args])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout


def test_every_path_and_the_one_version_to_make_again(layered):
    code, text = explain("student", *layered)
    assert code == 1
    assert "Paths to openai/gpt-4o via api.openai.com (rule model-terms, terms openai-api): 3, shortest first" in text
    paths = [line for line in text.splitlines() if line.startswith(("  1. default:", "  2. default:", "  3. default:"))]
    assert len(set(paths)) == 3
    assert all(p.endswith("<- openai/gpt-4o via api.openai.com") for p in paths)
    assert "Change this one version to unblock; no smaller set does:" in text
    assert "default:answers@" in text.split("no smaller set does:")[1].splitlines()[1]
    assert "then materialise again what lies between and the target: 4 versions." in text
    assert "Or quarantine rows of default:mixed@" in text
    assert "those that name openai/gpt-4o (1,200 rows)" in text
    assert "lineage-guard waive request student --by YOU --rule model-terms --use train_competing" in text


def test_what_is_left_out_is_counted(layered):
    _, text = explain("student", "--paths", "1", *layered)
    assert "... and 2 more; --paths N or --all shows more" in text
    _, text = explain("student", "--paths", "1", "--all", *layered)
    assert "more; --paths" not in text


def test_json_follows_its_schema(layered):
    code, text = explain("student", "--json", "--paths", "2", *layered)
    data = json.loads(text)
    assert code == data["exit_code"] == 1
    said = data["verdicts"][0]["explanation"]
    jsonschema.validate(said, SCHEMA)
    [cause] = said["causes"]
    assert (cause["pathCount"], cause["leftOut"], len(cause["paths"])) == (3, 1, 2)
    assert [(c["version"]["name"], c["action"]) for c in said["changes"]] == [("answers", "REBUILD")]
    assert said["smallest"] is True
    assert said["quarantine"][0]["rows"] == 1200


def test_the_waiver_it_names_can_be_asked_for(layered):
    _, text = explain("student", *layered)
    [command] = [line.strip() for line in text.splitlines() if "--by YOU" in line]
    result = CliRunner().invoke(cli, [*command.replace("YOU", "me@example.com").split()[1:], *layered])
    assert result.exit_code == 0, result.output
    assert "rule model-terms" in result.stdout


def test_nothing_upstream_helps_a_step_that_uses_the_model_itself(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    place = recorded(
        tmp_path / "ledger", made(version("data")), made(version("student"), version("data"), models=(GPT,))
    )
    code, text = explain("student", *place)
    assert code == 1
    assert "default:student: change the training step itself without openai/gpt-4o" in text
    assert "Or quarantine" not in text


def test_a_gap_is_declared_and_what_nobody_here_makes_is_replaced(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hub, raw = Version("s3://bucket", "raw"), Version("huggingface", "teknium/OpenHermes-2.5")
    place = recorded(tmp_path / "ledger", made(version("student"), hub, raw))
    _, text = explain("student", "--json", *place)
    said = json.loads(text)["verdicts"][0]["explanation"]
    jsonschema.validate(said, SCHEMA)
    assert {c["version"]["name"]: c["action"] for c in said["changes"]}["raw"] == "DECLARE"
    assert {c["action"] for c in said["changes"]} == {"DECLARE", "REPLACE"}


def test_what_may_train_needs_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    place = recorded(tmp_path / "ledger", made(version("data")), made(version("student"), version("data")))
    code, text = explain("student", "--json", *place)
    assert code == 0
    said = json.loads(text)["verdicts"][0]["explanation"]
    jsonschema.validate(said, SCHEMA)
    assert not any(said[part] for part in ("causes", "changes", "quarantine", "waivers", "left"))


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}


def test_the_page_stands_alone_and_names_are_inert(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    evil = ModelSource("openai", f"gpt-4o{HOSTILE}", channel=HOSTILE)
    place = recorded(
        tmp_path / "ledger", made(version(HOSTILE), models=(GPT, evil)), made(version("student"), version(HOSTILE))
    )
    code, text = explain("student", "--html", "page.html", *place)
    assert code != 0
    assert "\u202e" not in text
    html = (tmp_path / "page.html").read_text("utf-8")
    tags = Tags()
    tags.feed(html)
    assert not tags.seen & {"script", "img", "link", "iframe", "a", "object", "form"}
    assert not tags.attributes & {"src", "href", "onerror", "onload"}
    assert "\u202e" not in html
    assert "{{ 7*7 }}" in html
    assert html.count("&lt;script&gt;") > 1
    assert "default-src &#39;none&#39;" in html or "default-src 'none'" in html
    for part in ("Paths", "to unblock", "waive request", "BLOCKED"):
        assert part in html


@pytest.mark.parametrize("command", ["check", "explain"])
def test_names_steer_no_terminal_and_write_no_line_of_their_own(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    evil = "raw\x1b[2J\x9b31m\r\nALLOWED  default:student\u202e"
    place = recorded(
        tmp_path / "ledger",
        made(version(evil), models=(GPT,)),
        made(version("student"), version(evil), Version(evil, "?")),
    )
    result = CliRunner().invoke(cli, [command, "student", *place], color=True)
    assert result.exit_code == 1
    assert not [c for c in result.stdout if not c.isprintable() and c != "\n"]
    assert not [line for line in result.stdout.splitlines() if line.startswith("ALLOWED")]
    assert r"default:raw\x1b[2J\x9b31m ALLOWED" in result.stdout


def test_an_error_steers_no_terminal(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    parts = [version("student", n)._replace(partition=f"p{n}\x1b[2J\x9b31m") for n in range(2)]
    place = recorded(tmp_path / "ledger", *(made(part) for part in parts))
    result = CliRunner().invoke(cli, ["report", "student", *place], color=True)
    assert result.exit_code == 3
    assert r":p1\x1b[2J\x9b31m" in result.stderr
    assert not [c for c in result.stderr if not c.isprintable() and c != "\n"]


def test_the_page_on_standard_output(layered):
    code, text = explain("student", "--html", "-", *layered)
    assert code == 1
    assert text.startswith("<!doctype html>")
    assert text.rstrip().endswith("</html>")


@pytest.mark.parametrize("name", ["explanation", "impact"])
def test_the_schemas_are_printed_and_are_schemas(name):
    result = CliRunner().invoke(cli, ["schema", name])
    assert result.exit_code == 0
    said = json.loads(result.stdout)
    jsonschema.Draft202012Validator.check_schema(said)
    assert said["$id"].endswith(f"{name}.schema.json")


def test_a_version_without_a_model_of_its_own_is_not_just_to_be_made_again() -> None:
    # Made again from the same, it would have the same gap further up.
    change = Change(version("orders"), Action.REBUILD, (), 3)
    assert done(change) == "make it again, from nothing that stops the step"
    assert done(replace(change, models=("openai/gpt-4o",))) == "make it again without openai/gpt-4o"
