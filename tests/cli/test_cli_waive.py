"""`lineage-guard waive`: from a finding to an entry, a review, a verdict that reads WAIVED, and back."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from lineage_guard.cli import cli

REQUEST = ("waive", "request", "blocked_student", "--by", "ann@example.com")


def test_from_a_finding_to_a_waived_verdict_and_back(run, run_json, tmp_path):
    asked = run(*REQUEST, "--ticket", "LEGAL-7")
    assert asked.exit_code == 0, asked.output
    assert "rule model-terms, asset blocked_student, use train_competing, model gpt-4o" in asked.output
    assert "To be filled in: approved_by, reason_code, reason, expires;" in asked.output
    file = tmp_path / "waivers.yaml"
    listed = run("waive", "list", target=False).output
    assert "pending" in listed
    assert "asked for by ann@example.com; to be filled in: approved_by, reason_code, reason, expires" in listed
    text = file.read_text()
    for name, value in {"reason_code": "REBUILD_PLANNED", "reason": "until Friday", "expires": "2999-01-01"}.items():
        text = text.replace(f"{name}: null", f"{name}: {value}")
    file.write_text(text.replace("approved_by: null", "approved_by: ann@example.com"))
    refused = run("waive", "list", target=False)
    assert refused.exit_code == 3
    assert "waivers.yaml:" in refused.output
    assert "approved their own request. To fix: have somebody else approve it" in refused.output
    file.write_text(text.replace("approved_by: null", "approved_by: bob@example.com"))
    [said] = json.loads(run("waive", "list", "--json", target=False).output)["waivers"]
    assert (said["state"], said["missing"]) == ("active", [])
    assert said["days_left"] > 300_000

    code = (
        Path(__file__).with_name("cli_deployment.py").read_text().replace("waivers=[WAIVER]", f"waivers={str(file)!r}")
    )
    (tmp_path / "waived.py").write_text(code)
    checked = run("check", "blocked_student", "-f", str(tmp_path / "waived.py"), target=False)
    assert checked.exit_code == 0
    assert checked.output.startswith("WAIVED  default:blocked_student")
    assert "ALLOW" not in checked.output

    back = run("waive", "revoke", said["id"], "--by", "carol", "--reason", "rebuilt", target=False)
    assert back.exit_code == 0
    assert "revoked  w-" in run("waive", "list", target=False).output
    assert run("check", "blocked_student", "-f", str(tmp_path / "waived.py"), target=False).exit_code == 1
    assert run("waive", "revoke", said["id"], "--by", "carol", "--reason", "x", target=False).exit_code == 3


def test_nothing_is_asked_for_where_nothing_stops(run, tmp_path):
    result = run("waive", "request", "allowed_student", "--by", "ann")
    assert (result.exit_code, result.output) == (0, "Nothing stops it.\n")
    other = run(*REQUEST, "--rule", "missing-provenance")
    assert other.exit_code == 0
    assert "Nothing of rule missing-provenance stops it; what does: model-terms" in other.output
    assert not (tmp_path / "waivers.yaml").exists()
    missing = run("waive", "list", target=False)
    assert missing.exit_code == 3
    assert "the waivers cannot be read" in missing.output


@pytest.mark.parametrize("word", ["BECAUSE"])
def test_a_reason_is_one_of_a_few(run, word):
    assert run(*REQUEST, "--reason-code", word).exit_code == 3


def test_a_gap_is_asked_for_by_its_version(run, tmp_path):
    said = json.loads(run("waive", "request", "unknown_student", "--by", "ann", "--json").output)
    [entry] = said["added"]
    assert entry["rule"] == "missing-provenance"
    assert entry["dataset"].startswith("default:mystery@")
    assert entry["model"] is None
    assert said["missing"] == ["approved_by", "reason_code", "reason", "ticket", "expires"]


def test_list_tells_what_would_cover_nothing(tmp_path):
    path = tmp_path / "waivers.yaml"
    path.write_text(
        "format: 1\nwaivers:\n  - {id: w-1, rule: model-tersm, asset: student, model: gtp-4o, reason_code: null,\n"
        "     reason: null, ticket: null, expires: null, requested_by: ann@example.com, approved_by: null}\n"
    )
    listed = CliRunner().invoke(cli, ["waive", "list", "--file", str(path), "--policy", "default"])
    assert listed.exit_code == 0
    assert f"doubt {path}:3:50: no known model is called 'gtp-4o'" in listed.output
    assert "policy default has no rule 'model-tersm'" in listed.output
    as_json = CliRunner().invoke(cli, ["waive", "list", "--file", str(path), "--json"])
    assert [d["fix"] for d in json.loads(as_json.output)["waivers"][0]["doubts"]] == ["did you mean 'gpt-4o'?"]
