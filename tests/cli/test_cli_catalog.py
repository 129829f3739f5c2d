"""`lineage-guard catalog lint | show | diff` and `schema`."""

import json

import pytest
from click.testing import CliRunner

from lineage_guard.catalog.documents import schema
from lineage_guard.cli import cli

OWN = """\
format: 1
terms:
  - id: acme-1
    provider: Acme
    kind: hosted_service
    providers: [acme]
    models: [acme-*]
    channels: [llm.acme.example]
    license: LicenseRef-acme-1
    series: acme
    effective_from: 2026-01-01
    effects:
      {train_competing: block, train_internal_generative: allow, train_internal_classifier: allow,
       evaluate: allow, rag_or_inference_context: allow}
    restrictions: [COMPETING_MODELS]
    summary: Our contract of January bars rival models.
    url: https://acme.example/terms
    source: the contract, section 4
    date_read: 2026-01-05
    confidence: verified
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LINEAGE_GUARD_CATALOG", raising=False)
    (tmp_path / "own.yaml").write_text(OWN)
    return lambda *args: CliRunner().invoke(cli, list(args))


def test_the_shipped_catalog_has_no_fault(run):
    result = run("catalog", "lint", "--json")
    said = json.loads(result.output)
    assert (result.exit_code, said["ok"]) == (0, True)
    assert [p["what"] for p in said["problems"]] == [
        "evol-codealpaca: nobody has read how it was made, so it may hold anything",
        "jamba-open: nobody has read its text, so it permits nothing",
    ]


@pytest.mark.parametrize(
    ("old", "new", "what", "code"),
    [
        ("", "", "0 wrong, 0 doubtful", 0),
        ("license: LicenseRef-acme-1", "license: Apache 2", "WRONG own.yaml:9:5: acme-1: ", 1),
        ("source: the contract, section 4", "source: null", "belong together", 1),
        ("date_read: 2026-01-05", "date_read: 2999-01-05", "2999-01-05 is to come", 1),
        ("effective_from", "effective_until: 2025-01-01\n    effective_from", "ends before it begins", 1),
        ("train_competing: block", "train_competing: allow", "names restrictions, and allows everything", 1),
        ("    restrictions: [COMPETING_MODELS]\n", "", "doubt own.yaml:12:5: acme-1: it bars training, and no", 0),
        ("[COMPETING_MODELS]", "[NAMING_DUTY]", "a duty that nobody can read", 1),
        ("confidence: verified", "confidence: memory", "nobody has read its text, so it permits nothing", 0),
        ("confidence: verified", "confidence: memory", "taken as unknown for train_internal_generative,", 0),
        ("url: https://acme.example/terms", "url: null", "not where the text can be read", 0),
        ("models: [acme-*]", "models: [gpt-4*]\n    routes: []", "for gpt-4* through llm.acme.example it takes the", 0),
        (
            "channels: [llm.acme.example]",
            "channels: [api.openai.com]",
            "takes the place of openai-api, openai-api-2",
            0,
        ),
        ("models: [acme-*]", "models: [acme-*]\n    only_when_named: true", "0 doubtful", 0),
        ("channels: [llm.acme.example]", "channels: [https://llm.acme.example/v1]", "write 'llm.acme.example'", 1),
        ("channels: [llm.acme.example]", "channels: [selfhosted]", "write 'self-hosted'", 1),
        ("series: acme", "series: opneai-api", "did you mean 'openai-api'?", 0),
        ("confidence: verified", "confidence: sure", "cannot be 'sure'", 1),
    ],
)
def test_what_is_wrong_in_a_file_of_ones_own_is_said(run, tmp_path, old, new, what, code):
    (tmp_path / "own.yaml").write_text(OWN.replace(old, new, 1) if old else OWN)
    result = run("catalog", "lint", "own.yaml")
    assert what in result.output
    assert result.exit_code == code


def test_an_entry_that_looks_like_an_agreement_is_doubted(run, tmp_path):
    text = OWN.replace("acme-*", "gpt-4*").replace("llm.acme.example", "api.openai.com")
    (tmp_path / "own.yaml").write_text(text)
    result = run("catalog", "lint", "own.yaml")
    assert "openai-api speaks of gpt-4* on the same channel, and both bind. To fix: if" in result.output


def test_two_versions_of_a_text_need_two_days(run, tmp_path):
    second = OWN.split("terms:\n")[1].replace("id: acme-1", "id: acme-2")
    (tmp_path / "own.yaml").write_text(OWN + second)
    result = run("catalog", "lint", "own.yaml")
    assert "begins on the day on which acme-1 of the same series begins" in result.output
    (tmp_path / "own.yaml").write_text(OWN + second.replace("2026-01-01", "2026-06-01"))
    assert run("catalog", "lint", "own.yaml").exit_code == 0


def test_what_is_known_is_shown(run):
    shown = run(
        "catalog", "show", "gpt-4o", "--provider", "openai", "--channel", "api.openai.com", "--on", "2026-03-15"
    )
    assert "openai-api" in shown.output
    assert "openai-api-2023" not in shown.output
    assert "train_competing block" in shown.output
    assert run("catalog", "show", "HuggingFaceTB/smoltalk").output.startswith("smoltalk\n")
    entry = run("catalog", "show", "llama-3.1", "--json")
    assert json.loads(entry.output)["entry"]["restrictions"] == ["NAMING_DUTY"]
    assert run("catalog", "show", "acme-7", "--catalog", "own.yaml", "--channel", "llm.acme.example").exit_code == 0
    nothing = run("catalog", "show", "acme-7")
    assert nothing.exit_code == 1
    assert "Not settled: UNKNOWN_MODEL" in nothing.output
    assert run("catalog", "show", "gpt-4o", "--on", "soon").exit_code == 3


def test_what_differs_is_said(run, tmp_path):
    assert run("catalog", "diff", "own.yaml", "own.yaml").exit_code == 0
    (tmp_path / "new.yaml").write_text(OWN.replace("confidence: verified", "confidence: secondary"))
    result = run("catalog", "diff", "own.yaml", "new.yaml")
    assert (result.exit_code, result.output) == (1, '~ acme-1: confidence: "verified" -> "secondary"\n')
    both = json.loads(run("catalog", "diff", "shipped", "own.yaml", "--json").output)
    assert both["added"] == ["acme-1"]
    assert "openai-api" in both["removed"]


@pytest.mark.parametrize("name", ["policy", "catalog", "waivers"])
def test_schemas_are_printed(run, name):
    assert json.loads(run("schema", name).output) == schema(name)


def test_policy_lint_says_what_is_wrong_and_what_may_be_misspelt(run, tmp_path):
    assert (
        run("policy", "lint").output
        == "0 wrong, 0 doubtful in what ships; name files of your own to have them checked\n"
    )
    rule = "{id: a, on: model, when: {model: [gtp-4o, acme-9]}, effect: block, reason: r, fix: f}"
    (tmp_path / "team.yaml").write_text(f"format: 1\nname: team\nimport: default\nrules: [{rule}]\n")
    doubtful = run("policy", "lint", "team.yaml")
    assert doubtful.exit_code == 0
    assert "doubt team.yaml:4:43: no known model is called 'gtp-4o'" in doubtful.output
    assert doubtful.output.endswith("0 wrong, 2 doubtful\n")
    with_own = run("policy", "lint", "team.yaml", "--catalog", "own.yaml", "--json")
    assert ["gtp-4o" in p["what"] for p in json.loads(with_own.output)["problems"]] == [True]
    (tmp_path / "loose.yaml").write_text("format: 1\nname: loose\nimport: team.yaml\nunknown_blocks: false\n")
    wrong = run("policy", "lint", "loose.yaml")
    assert wrong.exit_code == 1
    assert wrong.output.startswith("WRONG loose.yaml:4:1: it would loosen what it imports")
