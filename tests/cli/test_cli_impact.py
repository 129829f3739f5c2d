"""`lineage-guard impact`: what a change of rules does to what was trained, over a ledger of real events."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from uuid import UUID
from zlib import crc32

import jsonschema
import pytest
from click.testing import CliRunner

import lineage_guard
from lineage_guard.catalog import load_catalog, load_policy
from lineage_guard.cli import cli
from lineage_guard.dagster.gate.gate import upstream
from lineage_guard.domain.facts import Input, License, ModelSource, Production, Version
from lineage_guard.domain.rules.assets import AssetFacts
from lineage_guard.domain.rules.terms import TRAIN_COMPETING
from lineage_guard.domain.verdict.decide import decide
from lineage_guard.domain.verdict.runs import AssetRun, RunState
from lineage_guard.ledger import Ledger, open_ledger
from lineage_guard.openlineage.encode import event_of

SCHEMA = json.loads((Path(lineage_guard.__file__).parent / "cli/schemas/impact.schema.json").read_text())
START = datetime(2026, 11, 1, tzinfo=UTC)
GPT = ModelSource("openai", "gpt-4o", channel="api.openai.com")
OWN = ModelSource("acme", "acme-chat-7b", channel="self-hosted")
TERMS = """\
format: 1
terms:
  - id: acme-in-house
    provider: Acme
    kind: open_weights
    providers: [acme]
    models: [acme-chat-*]
    channels: [self-hosted]
    license: LicenseRef-acme-internal
    effects: {{{effects}}}
    summary: Our own model, trained on text we own.
    url: https://acme.example/models
    source: legal/models.md
    date_read: 2026-11-01
    confidence: verified
"""


def version(name: str, n: int = 1, partition: str | None = None) -> Version:
    return Version("default", name, partition, str(UUID(int=(7 << 76) | (2 << 62) | crc32(name.encode()) << 8 | n)))


class World(NamedTuple):
    ledger: Ledger
    place: list[str]
    folder: Path

    def made(
        self,
        out: Version,
        *inputs: Version,
        models: tuple[ModelSource, ...] = (),
        judged: bool = False,
        asset: AssetFacts | None = None,
        licenses: tuple[str, ...] = (),
    ) -> None:
        at = START + timedelta(minutes=sum(1 for _ in self.ledger.events()))
        read, terms = tuple(map(Input, inputs)), tuple(map(License, licenses))
        production = Production((out,), inputs=read, models=models, licenses=terms, produced_at=at)
        verdict = None
        if judged:
            catalog = load_catalog()
            policy = load_policy("default", catalog)
            closure, _ = upstream(production, self.ledger, policy.terms, catalog.ancestry)
            verdict = decide(replace(closure, asset=asset), policy, (), TRAIN_COMPETING, at)
        run = AssetRun(str(out.run), RunState.COMPLETE, at, out.namespace, out.name, production, verdict=verdict)
        self.ledger.append([event_of(run)])

    def terms(self, name: str, effect: str) -> Path:
        uses = ("train_competing", "train_internal_generative", "train_internal_classifier", "evaluate")
        effects = ", ".join(f"{use}: {effect}" for use in (*uses, "rag_or_inference_context"))
        path = self.folder / name
        path.write_text(TERMS.format(effects=effects))
        load_catalog(path)
        return path

    def impact(self, *args: str) -> tuple[int, str]:
        result = CliRunner().invoke(cli, ["impact", *args, *self.place])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.output

    def json(self, *args: str) -> dict:
        code, text = self.impact("--json", *args)
        data = json.loads(text)
        jsonschema.validate(data, SCHEMA)
        assert data["exit_code"] == code
        return data


@pytest.fixture
def w(tmp_path, monkeypatch) -> World:
    """Students of letters, of GPT-4o and of a model of the house, and a deployment of one of them."""
    monkeypatch.chdir(tmp_path)
    for name in ("DAGSTER_HOME", "LINEAGE_GUARD_CATALOG", "LINEAGE_GUARD_LEDGER", "OPENLINEAGE_NAMESPACE"):
        monkeypatch.delenv(name, raising=False)
    ledger = open_ledger(str(tmp_path / "ledger"))
    world = World(ledger, ["--ledger", str(tmp_path / "ledger")], tmp_path)
    world.made(version("letters"))
    world.made(version("gpt"), models=(GPT,))
    world.made(version("house"), models=(OWN,))
    world.made(version("plain_student"), version("letters"), judged=True)
    world.made(version("gpt_student"), version("gpt"), judged=True)
    world.made(version("house_student", 1, "en"), version("house"), judged=True)
    world.made(version("house_student", 2, "en"), version("house"))
    world.made(version("house_student", 1, "de"), version("house"))
    world.made(version("endpoint"), version("gpt_student"))
    return world


def changes(data: dict) -> dict[tuple[str, str], str]:
    return {(v["version"]["name"], v["version"].get("partition", "")): v["change"] for v in data["versions"]}


@pytest.mark.parametrize("compacted", [False, True])
def test_every_trained_version_is_judged_by_both(w, compacted):
    if compacted:
        w.ledger.compact()
    data = w.json("--policy", "observe")
    assert data["counts"]["judged"] == 5
    assert data["counts"]["notJudged"] == data["counts"]["unfinished"] == 0
    assert data["counts"]["stricter"] == 0
    assert data["exit_code"] == 0
    said = changes(data)
    assert said["gpt_student", ""] == said["house_student", "en"] == said["house_student", "de"] == "LOOSER"
    assert ("plain_student", "") not in said
    assert data["counts"]["newest"] == 3
    assert [d["version"]["name"] for d in data["downstream"]] == ["endpoint"]


def test_what_becomes_stricter_names_rule_path_and_fix_and_exits_1(w):
    code, text = w.impact("--present", "observe", "--policy", "default")
    assert code == 1
    assert "5 trained versions judged: 4 become stricter" in text
    assert "Changed: 2 assets, 2 partitions; newest of theirs: 3; made from them: 1 version." in text
    part = text[text.index("STRICTER  default:gpt_student@") :]
    for said in ("WARN -> BLOCK (stops)", "Path: default:gpt_student <- default:gpt@", "Rule: model-terms", "Fix: "):
        assert said in part
    assert "Carried on by: default:endpoint@" in part


def test_nothing_changes_is_0(w):
    code, text = w.impact("--policy", "default")
    assert code == 0
    assert "0 become stricter, 0 looser, 0 are judged the same for other reasons, 5 as before" in text


@pytest.mark.parametrize("compacted", [False, True])
def test_a_policy_that_asks_for_groups_is_answered_from_the_record_or_says_that_there_is_none(w, compacted):
    w.made(version("tale"), licenses=("MIT",))
    for name, group in (("sold_reader", "shop"), ("lab_reader", "lab"), ("old_reader", None)):
        facts = AssetFacts(group) if group else None
        w.made(version(name), version("tale"), judged=True, asset=facts)
    if compacted:
        w.ledger.compact()
    (w.folder / "shop.yaml").write_text(
        "format: 1\nname: shop\nimport: default\nrules:\n"
        "  - {id: sold, on: license, when: {asset_group: shop}, effect: block, reason: r, fix: f}\n"
    )
    data = w.json("--policy", "shop.yaml")
    assert {n for (n, _), change in changes(data).items() if change == "STRICTER"} == {"sold_reader", "old_reader"}
    [note] = [n for n in data["notes"] if "nobody wrote them down" in n]
    assert note.endswith(" gpt_student, house_student, old_reader, plain_student.")


def test_new_terms_release_and_changed_terms_take_the_place_of_the_old(w, monkeypatch):
    allowed = w.terms("own.yaml", "allow")
    data = w.json("--terms-file", str(allowed))
    assert set(changes(data)) == {("house_student", "en"), ("house_student", "de")}
    assert data["counts"]["looser"] == 3
    assert data["exit_code"] == 0
    monkeypatch.setenv("LINEAGE_GUARD_CATALOG", str(allowed))
    (w.folder / "new").mkdir()
    data = w.json("--terms-file", str(w.terms("new/own.yaml", "block")))
    assert data["counts"]["stricter"] == 3
    assert data["exit_code"] == 1
    [rules] = data["rules"]
    assert rules["present"]["digest"] != rules["proposed"]["digest"]


def test_a_model_alone_lists_what_has_it_upstream(w):
    data = w.json("--model", "openai/gpt-4o*")
    assert [v["version"]["name"] for v in data["versions"]] == ["gpt_student"]
    assert data["versions"][0]["present"]["decision"] == "BLOCK"
    assert data["reached"] == {"versions": 3, "datasets": 3, "partitions": 0}
    assert data["counts"]["apart"] == 4
    assert data["exit_code"] == 1
    data = w.json("--model", "acme/*")
    assert data["exit_code"] == 2
    assert w.json("--model", "openai/o9")["exit_code"] == 0


def test_a_model_known_from_public_ancestry_counts(w):
    w.made(version("copy"), Version("huggingface", "teknium/OpenHermes-2.5"))
    w.made(version("hermes_student"), version("copy"), judged=True)
    data = w.json("--model", "openai/gpt-4*")
    assert {v["version"]["name"] for v in data["versions"]} == {"gpt_student", "hermes_student"}


def test_model_and_policy_together_ask_about_that_model_only(w):
    data = w.json("--model", "openai/*", "--policy", "observe")
    assert set(changes(data)) == {("gpt_student", "")}
    assert data["counts"]["judged"] == 1


def test_nothing_is_written(w):
    before = w.ledger.watermark()
    w.impact("--policy", "strict")
    assert open_ledger(w.ledger.location).watermark() == before


def test_one_version_that_cannot_be_judged_is_named_and_hides_no_other(w, monkeypatch):
    from lineage_guard.domain.errors import LedgerError
    from lineage_guard.ledger import ledger as module

    whole = module.Ledger.closure

    def closure(self, target):
        if target.outputs[0].name == "plain_student":
            raise LedgerError("index part is damaged", where="index/x", fix="restore it")
        return whole(self, target)

    monkeypatch.setattr(module.Ledger, "closure", closure)
    data = w.json("--policy", "default")
    assert data["exit_code"] == 2
    assert [(n["version"]["name"], "damaged" in n["why"]) for n in data["notJudged"]] == [("plain_student", True)]
    assert data["counts"]["judged"] == 4
    code, text = w.impact("--policy", "default")
    assert code == 2
    assert "NOT JUDGED  default:plain_student@" in text


def test_a_verdict_after_which_nothing_was_written_is_counted(w):
    blocked = version("blocked_student")
    at = START + timedelta(days=1)
    production = Production((blocked,), inputs=(Input(version("gpt")),))
    catalog = load_catalog()
    policy = load_policy("default", catalog)
    closure, _ = upstream(production, w.ledger, policy.terms, catalog.ancestry)
    verdict = replace(decide(closure, policy, (), TRAIN_COMPETING, at))
    run = AssetRun(str(blocked.run), RunState.RUNNING, at, "default", "blocked_student", production, verdict=verdict)
    w.ledger.append([event_of(run)])
    assert w.json("--policy", "default")["counts"]["unfinished"] == 1


def test_wrong_usage(w):
    code, text = w.impact()
    assert code == 3
    assert "--policy" in text
    assert w.impact("--policy", "lenient")[0] == 3
    assert w.impact("--terms-file", "missing.yaml")[0] == 3


def test_an_empty_ledger_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, ["impact", "--policy", "strict", "--ledger", str(tmp_path / "none")])
    assert result.exit_code == 0
    assert "The ledger holds no trained version" in result.output


def test_a_model_is_found_however_it_is_spelt_and_in_what_was_made_from_it(w):
    """Case, the id of a router, and a base model; what it counts downstream is of the same versions."""
    spelt = {
        "upper": ModelSource("OpenAI", "GPT-4o", channel="api.openai.com"),
        "router": ModelSource("openrouter", "openai/gpt-4o", channel="openrouter.ai"),
        "tuned": ModelSource("acme", "acme-chat-9b", channel="self-hosted", base_models=("gpt-4o",)),
        "tuned_too": ModelSource("acme", "acme-chat-9c", channel="self-hosted", base_models=("openai/gpt-4o",)),
        "other": ModelSource("acme", "acme-chat-9d", channel="self-hosted", base_models=("mistral-7b",)),
    }
    for name, model in spelt.items():
        w.made(version(name), models=(model,))
        w.made(version(f"{name}_student"), version(name), judged=True)
    found = {"gpt_student", "upper_student", "router_student", "tuned_student", "tuned_too_student"}
    for compacted in (False, True):
        if compacted:
            w.ledger.compact()
        for asked in ("openai/gpt-4o", "OpenAI/GPT-4o", "openai/gpt*"):
            data = w.json("--model", asked)
            assert {v["version"]["name"] for v in data["versions"]} == found
            assert data["reached"]["versions"] == 2 * len(found) + 1
    assert "tuned_student" not in {v["version"]["name"] for v in w.json("--model", "openai/*")["versions"]}
