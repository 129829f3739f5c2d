"""What a file says, declared on an asset: parents are followed, and nothing passes for complete unsaid."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner
from reader_files import CONFIG, DATASET_CARD, GPT, HUB_STEP, MODEL_CARD, pipeline, step

import lineage_guard
from lineage_guard import Completeness, ModelSource, declaration_of, declare, declare_from, guard, source, training
from lineage_guard.cli import cli
from lineage_guard.cli.reading import python
from lineage_guard.dagster.events import EventLog
from lineage_guard.dagster.pins.history import History
from lineage_guard.dagster.pins.resolve import Pins, graph_of
from lineage_guard.dagster.pins.step import upcoming
from lineage_guard.domain.errors import DeclarationError
from lineage_guard.domain.facts import Version
from lineage_guard.domain.verdict.runs import ParentRun
from lineage_guard.readers import read

FILES = [
    ("README.md", DATASET_CARD),
    ("README.md", MODEL_CARD),
    ("pipeline.json", json.dumps(pipeline(HUB_STEP, step("s", "TextGeneration", llm=GPT)))),
    ("config.yaml", CONFIG),
]
OPEN_CARD = "---\nlicense: mit\npretty_name: x\nsource_datasets: [original]\n---\n"


def written(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_text(text, "utf-8")
    return file


@pytest.mark.parametrize(("name", "text"), FILES, ids=["dataset card", "model card", "distilabel", "data designer"])
def test_what_is_printed_to_paste_says_what_the_file_says(tmp_path: Path, name: str, text: str) -> None:
    file = written(tmp_path, name, text)
    done = CliRunner().invoke(cli, ["read", str(file)])
    assert done.exit_code == 0, done.output
    names = {n: getattr(lineage_guard, n) for n in ("declare", "ModelSource", "License")}
    pasted = eval(done.output.partition("To declare it:")[2].strip(), names)
    assert python(read(file)) in done.output
    said, meant = declaration_of(pasted), declaration_of(declare_from(file))
    assert said is not None
    assert meant is not None
    for name_ in ("models", "licenses", "completeness", "parents"):
        assert getattr(said, name_) == getattr(meant, name_)
    as_json = json.loads(CliRunner().invoke(cli, ["read", "--json", str(file)]).output)
    assert as_json["completeness"] == meant.completeness.value
    assert len(as_json["models"]) == len(meant.models)
    assert all(str(file) in found["where"] for key in ("models", "parents", "gaps") for found in as_json[key])


def test_what_a_file_says_cannot_steer_a_terminal(tmp_path: Path) -> None:
    file = written(tmp_path, "README.md", '---\nlicense: mit\nbase_model: "a\\e[2Jb"\n---\n')
    done = CliRunner().invoke(cli, ["read", str(file)])
    assert done.exit_code == 0
    assert "\x1b" not in done.output


def test_a_file_that_cannot_be_read_is_wrong_usage(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["read", str(written(tmp_path, "x.yaml", "a: [b"))])
    assert done.exit_code == 3
    assert "x.yaml:1: it is no valid YAML" in done.stderr
    assert "To fix:" in done.stderr


def test_declare_from_takes_more_and_the_word_of_its_user(tmp_path: Path) -> None:
    file = written(tmp_path, "README.md", MODEL_CARD)
    more = ModelSource("openai", "gpt-4o", channel="api.openai.com")
    said = declaration_of(declare_from(file, more, completeness=Completeness.COMPLETE, artefact="acme/student"))
    assert said is not None
    assert [m.model for m in said.models] == ["meta-llama/Llama-3.1-8B-Instruct", "gpt-4o"]
    assert (said.completeness, said.artefact) == (Completeness.COMPLETE, "acme/student")
    assert str(tmp_path) not in json.dumps(said.to_json()), "the same declaration on every machine"
    with pytest.raises(DeclarationError, match="no Hugging Face id"):
        declare(parents=["https://huggingface.co/acme/answers"])
    with pytest.raises(DeclarationError, match="no Completeness"):
        declare_from(file, completeness="ALL")  # pyright: ignore[reportArgumentType]
    with pytest.raises(DeclarationError, match="not a ModelSource"):
        declare_from(file, "gpt-4o")  # pyright: ignore[reportArgumentType]


def test_gate_on_what_files_say(tmp_path: Path) -> None:
    """A card alone is no clean provenance; and where its user answers for it, its parents are followed."""
    alone = written(tmp_path, "README.md", OPEN_CARD)
    child = written(tmp_path, "CHILD.md", OPEN_CARD.replace("original", "teknium/OpenHermes-2.5"))
    said = {
        "alone": (declare_from(alone), "does not say all"),
        "child": (declare_from(child, completeness=Completeness.COMPLETE), "huggingface:teknium/OpenHermes-2.5"),
        "orphan": (declare(parents=["acme/nobody-knows"]), "huggingface:acme/nobody-knows"),
    }
    ran: list[str] = []

    def pair(name: str, metadata: dict[str, Any]) -> list[dg.AssetsDefinition]:
        @dg.asset(name=name, metadata=metadata)
        def data() -> None: ...

        @dg.asset(name=f"{name}_student", deps=[data], tags=training())
        def student() -> None:
            ran.append(name)

        return [data, student]

    with dg.instance_for_test() as instance:
        assets = guard([a for n, (metadata, _) in said.items() for a in pair(n, metadata)], ledger=tmp_path / "ledger")
        result = dg.materialize(assets, instance=instance, raise_on_error=False)
    assert ran == []
    told = {e.step_key: e.step_failure_data.user_failure_data for e in result.all_events if e.is_step_failure}
    for name, (_, part) in said.items():
        failure = told[f"{name}_student"]
        assert failure is not None
        assert part in str(failure.description)


def test_parents_are_among_what_a_step_would_read() -> None:
    """The coordinator and the gate ask by what is declared, before anything is recorded."""

    @dg.asset(metadata=declare(parents=["acme/answers"]))
    def data() -> None: ...

    @dg.asset(metadata=source(human=True))
    def other() -> None: ...

    graph = graph_of(dg.Definitions(assets=[data, other]).resolve_asset_graph())
    with dg.instance_for_test() as instance:
        log = EventLog(instance)
        pins = Pins(log, History(log), graph, "default")
        parent = ParentRun("r", "default", "j")
        outputs = (Version("default", "data", None, "x"),)
        made = upcoming(dg.AssetKey("data"), outputs, pins, graph, datetime.now(UTC), -1, parent)
    assert [i.version for i in made.target.inputs] == [Version("huggingface", "acme/answers")]
    assert made.target.completeness is Completeness.COMPLETE


def test_the_page_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[2] / "docs" / "readers.md").read_text("utf-8")
    [card] = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    [code] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (tmp_path / "answers").mkdir()
    written(tmp_path / "answers", "README.md", card)
    monkeypatch.chdir(tmp_path)
    shown = page.partition("$ lineage-guard read answers/README.md\n")[2].partition("\nPaste it")[0]
    done = CliRunner().invoke(cli, ["read", "answers/README.md"])
    assert done.output.split() == shown.split()
    scope: dict[str, Any] = {"__name__": "readers"}
    exec(compile(code, "readers.md", "exec"), scope)
    said = [declaration_of(a.specs_by_key[a.key].metadata) for a in (scope["as_the_card_says"], scope["answered_for"])]
    assert [d.completeness for d in said if d] == [Completeness.INCOMPLETE, Completeness.COMPLETE]
    assert [m.usage for m in said[1].models] == ["REWRITE"] if said[1] else False
