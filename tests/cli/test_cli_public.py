"""`lineage-guard impact --public` on the shipped catalog, and what docs/explain.md shows of it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner

import lineage_guard
from lineage_guard.catalog import load_catalog, load_policy
from lineage_guard.cli import cli
from lineage_guard.domain.facts import Usage, Version
from lineage_guard.domain.lineage.closure import close, extend
from lineage_guard.domain.verdict.decide import decide

NOW = datetime(2026, 11, 22, tzinfo=UTC)
PAGE = (Path(lineage_guard.__file__).parents[1] / "docs/explain.md").read_text("utf-8").split("## Public lineage")[1]
SCHEMA = json.loads((Path(lineage_guard.__file__).parent / "cli/schemas/impact.schema.json").read_text())
SHOWN = re.findall(r"```text\n\$ lineage-guard (impact [^\n]*)\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("DAGSTER_HOME", "LINEAGE_GUARD_CATALOG", "LINEAGE_GUARD_LEDGER"):
        monkeypatch.delenv(name, raising=False)
    [policy] = re.findall(r"```yaml\n# second-hand.yaml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "second-hand.yaml").write_text(policy)
    return lambda *args: CliRunner().invoke(cli, list(args))


@pytest.mark.parametrize(("command", "output"), SHOWN, ids=[c for c, _ in SHOWN])
def test_the_page_shows_what_is_printed(run, command, output):
    said = run(*command.split()).output
    parts = [part.strip("\n") for part in output.split("...\n")]
    assert len(parts[0].splitlines()) > 3
    assert said.startswith(parts[0])
    assert all(part in said for part in parts)


def test_the_numbers_in_the_text_are_those_of_the_tables(run):
    every = json.loads(run("impact", "--public", "models", "--terms-as", "xai-api", "--json").output)
    jsonschema.validate(every, SCHEMA)
    assert (every["counts"]["judged"], every["counts"]["stricter"], every["exit_code"]) == (23, 7, 1)
    assert "each of the 23 models" in " ".join(PAGE.split())
    allowed = json.loads(run("impact", "--public", "models", "--policy", "second-hand.yaml", "--json").output)
    moves = [
        (v["present"]["decision"], v["proposed"]["decision"]) for v in allowed["versions"] if v["change"] == "LOOSER"
    ]
    assert (moves.count(("BLOCK", "ALLOW")), moves.count(("BLOCK", "WARN")), len(moves)) == (8, 6, 15)
    assert moves.count(("BLOCK", "UNKNOWN")) == 1
    assert "14 of 23 become free to train, 6 of them with a condition" in " ".join(PAGE.split())
    assert allowed["exit_code"] == 0


def test_a_student_is_of_the_family_of_the_weights_it_begins_from():
    """Magpie's Llama 3 student of Llama 3 data warns; a student of the same data that begins from nothing stops."""
    catalog = load_catalog()
    found = catalog.ancestry.get("Magpie-Align/Llama-3-8B-Magpie-Pro-SFT-300K-v0.1")
    step = catalog.ancestry.training_of(found, Version("public", "x"))
    assert [m.usage for m in step.models] == [Usage.BASE_MODEL]
    assert step.inputs
    assert step.artefact is None
    closure = extend(close(step, []), catalog.ancestry)
    assert not any(found.version == r.version for r in closure.reached), "its own terms bind others, not its making"
    policy = load_policy("default", catalog)
    assert decide(closure, policy, (), "train_competing", NOW).decision.value == "WARN"
    without = extend(close(replace(step, models=()), []), catalog.ancestry)
    assert decide(without, policy, (), "train_competing", NOW).decision.value == "BLOCK"


def test_a_model_that_begins_from_weights_without_terms_is_judged_by_their_ancestors():
    catalog = load_catalog()
    starling = catalog.ancestry.training_of(
        catalog.ancestry.get("berkeley-nest/Starling-LM-7B-alpha"), Version("p", "x")
    )
    assert "openchat/openchat_3.5" in {i.version.name for i in starling.inputs}
    assert not starling.models


def test_only_what_has_a_model_upstream(run):
    said = json.loads(run("impact", "--public", "all", "--model", "openai/*", "--json").output)
    names = {v["version"]["name"] for v in said["versions"]}
    assert {"student of tatsu-lab/alpaca", "roneneldan/TinyStories-33M"} <= names
    assert "open-thoughts/OpenThinker-7B" not in names
    assert said["counts"]["judged"] + said["counts"]["apart"] == 89
    assert said["exit_code"] == 1
    text = run("impact", "--public", "models", "--model", "nobody/*")
    assert (text.exit_code, text.output.splitlines()[0]) == (
        0,
        "Nothing public with nobody/* upstream, judged for train_competing:",
    )


def test_that_nothing_is_found_of_a_model_nobody_knows_is_no_comfort(run):
    def notes(model: str) -> list[str]:
        said = run("impact", "--public", "models", "--model", model).output.splitlines()
        return [line for line in said if line.startswith("Note:")]

    [note] = notes("opnai/gtp-4o")
    assert note.endswith("on record or in the catalog; did you mean 'openai/gpt-4o'?")
    [note] = notes("nobody/knows")
    assert "is it spelt as the declarations spell it?" in note
    assert notes("xai/grok-4") == []


def test_other_uses_and_own_files(run, tmp_path):
    judged = run("impact", "--public", "models", "--terms-as", "xai-api", "--use", "evaluate").output
    assert "judged for evaluate:" in judged
    assert "BLOCK" not in judged
    own = {
        "id": "acme-student",
        "type": "model",
        "artefact": "acme/student",
        "namespace": "acme",
        "declared_license": "MIT",
        "declared_class": "unknown",
        "upstream": [{"from": "acme-set", "relation": "trained_on", "confidence": "verified"}],
        "sources": ["https://wiki.acme.example"],
        "confidence": "verified",
    }
    made = [{"from": "gpt-4", "relation": "generated_by", "confidence": "verified"}]
    data = {**own, "id": "acme-set", "type": "dataset", "artefact": "acme/set", "upstream": made}
    (tmp_path / "own.yaml").write_text(json.dumps({"format": 1, "artefacts": [own, data]}))
    asked = ("impact", "--public", "models", "--model", "openai/gpt-4", "--terms-file", "own.yaml", "--json")
    [changed] = json.loads(run(*asked).output)["versions"]
    assert changed["version"]["name"] == "acme/student"
    moved = changed["present"]["decision"], changed["proposed"]["decision"]
    assert moved == ("UNKNOWN", "BLOCK"), "nothing said before what its data was made from"


@pytest.mark.parametrize(
    ("args", "what"),
    [
        (("--public", "models", "--terms-as", "xai-apy"), "no terms have the id 'xai-apy'"),
        (("--public", "models"), "say what would change"),
        (("--use", "evaluate", "--policy", "strict"), "--use is for --public"),
        (("--public", "everything", "--policy", "strict"), "'everything' is not one of"),
    ],
)
def test_what_cannot_be_asked_is_said(run, args, what):
    result = run("impact", *args)
    assert result.exit_code not in (0, 1, 2) or "Usage" in result.output
    assert what in result.output + str(result.exception or "")
