"""`lineage-guard policy test`: rules of one's own, tested without definitions and without a ledger."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner

import lineage_guard
from lineage_guard.catalog import load_catalog
from lineage_guard.catalog.cases import parse_cases
from lineage_guard.catalog.documents import schema
from lineage_guard.cli import cli
from lineage_guard.domain.facts import Acknowledgement, Completeness, Influence, License, ModelSource, Usage
from lineage_guard.domain.rules.assets import AssetFacts
from lineage_guard.domain.rules.policy import ReasonCode
from lineage_guard.domain.verdict.decide import Decision

IMPACT = json.loads((Path(lineage_guard.__file__).parent / "cli/schemas/impact.schema.json").read_text("utf-8"))
PAGE = Path(__file__).parents[2] / "docs" / "policy.md"
POLICY = """\
format: 1
name: team
import: default
rules:
  - {id: no-broker, on: model, when: {channel: api.broker.example}, effect: block, reason: Ours., fix: Ask elsewhere.}
"""
CASES = """\
format: 1
policy: team.yaml
at: 2026-11-01
cases:
  - case: Qwen through the broker.
    why: We have no contract with it.
    steps:
      synthetic: {models: [{provider: huggingface, model: Qwen/Qwen2.5-7B-Instruct, channel: api.broker.example}]}
      student: {reads: [synthetic]}
    decision: BLOCK
    rule: no-broker
    path: [student, synthetic]

  - case: Qwen on our own machines.
    why: The rule speaks of the broker alone.
    trains: models/chat
    steps:
      raw: {origin: true}
      synthetic:
        reads: [raw]
        models: [{provider: huggingface, model: Qwen/Qwen2.5-7B-Instruct, channel: self-hosted}]
      models/chat: {reads: [synthetic]}
    decision: ALLOW
    terms: []

  - case: Data from a disk.
    why: Missing provenance is not clean provenance.
    policy: strict
    steps:
      student: {reads: [found-on-a-disk]}
    decision: UNKNOWN
    reason: NO_PROVENANCE
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LINEAGE_GUARD_CATALOG", raising=False)
    (tmp_path / "team.yaml").write_text(POLICY)
    (tmp_path / "cases.yaml").write_text(CASES)
    return lambda *args: CliRunner().invoke(cli, ["policy", "test", *args])


def test_each_case_that_is_as_expected_is_a_line(run):
    result = run("cases.yaml")
    assert result.exit_code == 0, result.output
    assert result.output == (
        "passed  Qwen through the broker.\n"
        "passed  Qwen on our own machines.\n"
        "passed  Data from a disk.\n"
        "3 cases: 3 passed, 0 failed, by policy team, strict\n"
    )


def test_a_rule_that_somebody_took_out_is_missed(run, tmp_path):
    (tmp_path / "team.yaml").write_text("format: 1\nname: team\nimport: default\n")
    result = run("cases.yaml")
    assert result.exit_code == 1
    assert "FAILED  Qwen through the broker.\n  at cases.yaml:5:5, by policy team, for train_competing" in result.output
    assert "decision: expected BLOCK, got " in result.output
    assert "rule: expected no-broker, got " in result.output
    assert "expected, because: We have no contract with it." in result.output
    assert "To fix: correct the rule if the case is right, or the case if the rule is" in result.output
    assert "3 cases: 2 passed, 1 failed" in result.output


def test_a_failed_case_says_which_rule_by_which_path_and_the_way_on(run, tmp_path):
    (tmp_path / "cases.yaml").write_text(CASES.replace("decision: BLOCK", "decision: ALLOW"))
    result = run("cases.yaml")
    assert result.exit_code == 1
    assert "  decision: expected ALLOW, got BLOCK\n" in result.output
    assert "stops: expected" not in result.output  # it follows from the decision
    assert "    rule: no-broker\n    path: default:student <- default:synthetic <- huggingface/Qwen" in result.output
    assert "    way on: Ask elsewhere.\n" in result.output


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("rule: other", "rule: expected other, got no-broker"),
        ("reason: NO_RULE", "reason: expected NO_RULE, got RESTRICTED_MODEL"),
        ("path: [student]", "path: expected student, got student <- synthetic"),
        ("terms: []", "terms: expected none, got "),
        ("waivers: [w-1]", "waivers: expected w-1, got none"),
        ("stops: false", "stops: expected false, got true"),
        ("obligation: Name us", "obligation: expected Name us, got none"),
        ("says: never said", "says: expected never said, got default:synthetic holds"),
    ],
)
def test_whatever_is_expected_is_compared(run, tmp_path, line, what):
    text = CASES.replace("    rule: no-broker\n    path: [student, synthetic]\n", f"    {line}\n")
    (tmp_path / "cases.yaml").write_text(text)
    result = run("cases.yaml")
    assert result.exit_code == 1
    assert what in result.output


def test_json_says_what_was_expected_what_came_and_by_which_rules(run):
    result = run("cases.yaml", "--policy", "observe", "--json")
    said = json.loads(result.output)
    assert result.exit_code == 1
    assert run("cases.yaml", "--json").exit_code == 0
    assert (said["ok"], said["passed"], said["failed"]) == (False, 2, 1)
    failed = said["cases"][0]
    assert failed["differences"][0] == {"what": "decision", "expected": "BLOCK", "got": failed["decision"]}
    assert (failed["where"], failed["at"]) == ("cases.yaml:5:5", "2026-11-01T00:00:00+00:00")
    assert failed["policy"]["digest"].startswith("sha256:")
    assert [case["policy"]["name"] for case in said["cases"]] == ["observe", "observe", "strict"]
    path = said["cases"][2]["findings"][0]["path"]
    assert path == [{"namespace": "default", "name": name} for name in ("student", "found-on-a-disk")]
    # A verdict is written as `impact --json` writes it.
    verdict = {"$ref": "#/$defs/verdict", "$defs": IMPACT["$defs"]}
    for case in said["cases"]:
        jsonschema.validate({key: case[key] for key in ("decision", "stops", "findings")}, verdict)


def test_a_policy_that_no_case_tests_is_an_error(run, tmp_path):
    head, *_, last = CASES.split("  - case: ")
    (tmp_path / "cases.yaml").write_text(f"{head}  - case: {last}")
    result = run("cases.yaml", "--policy", "team.yaml")
    assert result.exit_code == 3
    assert "no case tests team.yaml: each names a policy of its own" in result.output


def test_a_waiver_holds_until_its_end(run, tmp_path):
    waiver = {"id": "w-1", "rule": "no-broker", "asset": "student", "requested_by": "ann@example.com"}
    waiver |= {
        "approved_by": "bob@example.com",
        "reason_code": "LEGAL_OPINION",
        "reason": "Signed soon.",
        "ticket": "L-1",
    }
    waiver |= {"model": "Qwen/Qwen2.5-7B-Instruct", "expires": "2026-12-01"}
    (tmp_path / "waivers.yaml").write_text(
        json.dumps({"format": 1, "waivers": [waiver, {**waiver, "id": "w-2", "rule": "unknown-model"}]})
    )
    text = CASES.replace("decision: BLOCK\n", "decision: WAIVED\n    waivers: [w-2, w-1]\n")
    (tmp_path / "cases.yaml").write_text(text)
    held = run("cases.yaml", "--waivers", "waivers.yaml")
    assert held.exit_code == 0, held.output
    assert run("cases.yaml").exit_code == 1
    (tmp_path / "cases.yaml").write_text(text.replace("at: 2026-11-01", "at: 2026-12-01"))
    late = run("cases.yaml", "--waivers", "waivers.yaml")
    assert late.exit_code == 1
    assert "decision: expected WAIVED, got BLOCK" in late.output


def test_models_of_an_own_catalog_are_known(run, tmp_path):
    effects = dict.fromkeys(
        ("train_competing", "train_internal_generative", "train_internal_classifier", "evaluate"), "allow"
    ) | {"rag_or_inference_context": "allow"}
    entry = {"id": "acme-1", "provider": "Acme", "kind": "open_weights", "providers": ["acme"], "models": ["acme-lm"]}
    entry |= {"channels": ["self-hosted"], "license": "LicenseRef-acme", "effects": effects, "summary": "Ours."}
    entry |= {"url": "https://acme.example", "source": "the page", "date_read": "2026-11-02", "confidence": "verified"}
    (tmp_path / "own.yaml").write_text(json.dumps({"format": 1, "terms": [entry]}))
    text = CASES.replace("provider: huggingface, model: Qwen/Qwen2.5-7B-Instruct", "provider: acme, model: acme-lm")
    (tmp_path / "cases.yaml").write_text(text)
    assert "expected ALLOW, got UNKNOWN" in run("cases.yaml").output
    assert run("cases.yaml", "--catalog", "own.yaml").exit_code == 0


@pytest.mark.parametrize(
    ("old", "new", "place", "what"),
    [
        ("decision: BLOCK", "decision: BLOK", "10:5", "did you mean 'BLOCK'?"),
        ("decision: BLOCK", "decision: block", "10:5", "did you mean 'BLOCK'?"),
        ("rule: no-broker", "rules: no-broker", "11:5", "did you mean 'rule'?"),
        ("student: {reads: [synthetic]}", "student: {reads: [synthetc]}", "9:25", "did you mean 'synthetic'?"),
        ("student: {reads: [synthetic]}", "student: {origin: true}", "8:7", "nothing that 'student' is made from"),
        ("student: {reads", "studnet: {reads", "7:5", "no step is called 'student'"),
        ("raw: {origin: true}", "raw: {artefact: HuggingFaceTB/smoltlk}", "18:13", "'HuggingFaceTB/smoltalk'"),
        ("raw: {origin: true}", "raw: {origin: true, reads: [x]}", "18:13", "was made from nothing, and from"),
        ("raw: {origin: true}", "raw: {lasted: [2026-01-02, 2026-01-01]}", "18:13", "ended before it began"),
        ("raw: {origin: true}", "raw: {}", "18:7", "of one that people wrote say `origin: true`"),
        ("raw: {origin: true}", "raw: {reads: []}", "18:13", "a name without a step is data of which nothing is on"),
        ("policy: team.yaml", "policy: teem.yaml", "2:1", "no policy is called 'teem.yaml'"),
        ("policy: strict", "policy: strikt", "28:5", "did you mean 'strict'?"),
        ("at: 2026-11-01", "at: soon", "3:1", "'soon' is no day or time"),
        ("policy: strict", "policy: {unknown_block: true}", "28:5", "did you mean 'unknown_blocks'?"),
        ("case: Qwen on our own machines.", "case: Qwen through the broker.", "14:5", "two cases have the same name"),
        ("    why: We have no contract with it.\n", "", "5:5", "add 'why'"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_its_place(run, tmp_path, old, new, place, what):
    assert old in CASES
    (tmp_path / "cases.yaml").write_text(CASES.replace(old, new, 1))
    result = run("cases.yaml")
    assert result.exit_code == 3, result.output
    assert result.output.startswith(f"Error: cases.yaml:{place}: "), result.output
    assert what in result.output
    assert "passed" not in result.output


@pytest.mark.parametrize("text", ["", "format: 1\n", "format: 1\ncases: []\n", "- case: a\n", "cases: [\n"])
def test_a_file_without_cases_is_never_green(run, tmp_path, text):
    (tmp_path / "none.yaml").write_text(text)
    result = run("cases.yaml", "none.yaml")
    assert result.exit_code == 3
    assert result.output.startswith("Error: none.yaml:")


def test_what_cannot_be_read_is_wrong_usage(run):
    assert run().exit_code == 3
    assert run("missing.yaml").exit_code == 3
    assert run("cases.yaml", "--policy", "missing.yaml").exit_code == 3
    assert run("cases.yaml", "--waivers", "missing.yaml").exit_code == 3


def test_whatever_a_step_may_say_is_a_fact():
    text = """\
format: 1
at: 2026-11-01
cases:
  - case: All of it.
    why: What is read and then lost would be a test of something else.
    use: evaluate
    at: 2026-11-02T01:00+02:00
    asset: {group: lab, tags: {b: "2", a: "1"}, kinds: [pytorch], owners: ["team:speech"]}
    steps:
      made:
        lasted: [2026-03-01T22:00, 2026-03-01T23:00]
        licenses: [MIT, {expression: CC-BY-4.0, acknowledgement: CONCLUDED, obligations: [Name the authors.]}]
        models:
          - {provider: a, model: b, version: c, channel: d, usage: FILTER, influence: DIRECT, license: MIT, terms: e,
             base_models: [f], generated_at: 2026-01-02}
      student: {reads: [made]}
    decision: BLOCK
"""
    [written] = parse_cases(text, "cases.yaml", load_catalog(), datetime(2026, 1, 1, tzinfo=UTC))
    [made] = written.case.upstream
    assert (written.case.use, written.case.at) == ("evaluate", datetime(2026, 11, 1, 23, tzinfo=UTC))
    assert written.case.asset == AssetFacts("lab", (("a", "1"), ("b", "2")), ("pytorch",), ("team:speech",))
    assert made.produced_at == datetime(2026, 3, 1, 23, tzinfo=UTC)
    duty = ("Name the authors.",)
    assert made.licenses == (License("MIT"), License("CC-BY-4.0", Acknowledgement.CONCLUDED, obligations=duty))
    day = datetime(2026, 1, 2, tzinfo=UTC)
    assert made.models == (
        ModelSource(
            "a", "b", "c", "d", Usage.FILTER, Influence.DIRECT, "MIT", "e", base_models=("f",), generated_at=day
        ),
    )


def test_the_schema_is_printed_and_knows_the_words_of_verdicts(run):
    said = schema("policy-cases")
    assert json.loads(CliRunner().invoke(cli, ["schema", "policy-cases"]).output) == said
    case, model = said["$defs"]["case"]["properties"], said["$defs"]["model"]["properties"]
    assert set(case["decision"]["enum"]) == {d.value for d in Decision}
    assert case["reason"]["enum"] == [r.value for r in ReasonCode]
    assert model["usage"]["enum"] == [u.value for u in Usage]
    assert model["influence"]["enum"] == [i.value for i in Influence]
    assert said["$defs"]["step"]["properties"]["completeness"]["enum"] == [c.value for c in Completeness]


def test_the_example_of_the_page_does_what_the_page_says(run, tmp_path):
    section = PAGE.read_text("utf-8").split("\n## Test your rules\n")[1].split("\n## ")[0]
    policies = {
        path: block
        for block in re.findall(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
        for path in re.findall(r"\A# (policies/\S+)\n", block)
    }
    (tmp_path / "policies").mkdir()
    for path, text in policies.items():
        (tmp_path / path).write_text(text, "utf-8")
    assert "policies/cases.yaml" in policies
    right = run("policies/cases.yaml")
    assert right.exit_code == 0, right.output
    [shown] = re.findall(r"\$ lineage-guard policy test policies/cases\.yaml\n(.*?)```", section, re.DOTALL)
    assert right.output == shown
    assert run("policies/cases.yaml", "--policy", "default").exit_code == 1
