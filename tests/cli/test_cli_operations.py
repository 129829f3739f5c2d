"""`sync` and `doctor` on a real instance and ledger, and what a broken deployment looks like."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

DEFINITIONS = Path(__file__).parent / "cli_deployment.py"


def checks(data):
    return {c["check"]: c for c in data["checks"]}


def test_sync_collects_everything_once(run_json, tmp_path):
    place = ["--ledger", str(tmp_path / "fresh")]
    code, first = run_json("sync", *place)
    assert code == 0
    assert first["collected"]["records"] == 5
    assert first["collected"]["events"] >= 5
    assert first["collected"]["incomplete"] == 1
    assert first["collected"]["lag"] == 0
    assert first["delivered"]["configured"] is False
    code, again = run_json("sync", *place)
    assert code == 0
    assert again["collected"]["events"] == 0


def test_sync_delivers_to_a_configured_transport(run_json, tmp_path, monkeypatch):
    out = tmp_path / "events.jsonl"
    (tmp_path / "openlineage.yml").write_text(f"transport:\n  type: file\n  log_file_path: {out}\n  append: true\n")
    monkeypatch.setenv("OPENLINEAGE_CONFIG", str(tmp_path / "openlineage.yml"))
    place = ["--ledger", str(tmp_path / "fresh")]
    code, data = run_json("sync", *place)
    assert code == 0
    assert data["delivered"]["configured"] is True
    assert data["delivered"]["backlog"] == 0
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    own = [line for line in lines if not line["job"]["name"].endswith(".checks")]
    assert len(own) == data["delivered"]["events"] == data["collected"]["events"]
    assert {line["job"]["name"] for line in lines} >= {"synthetic", "curated", "letters"}
    assert run_json("sync", *place)[1]["delivered"]["events"] == 0


def test_sync_can_leave_delivery_out_and_says_what_it_did(run, tmp_path):
    result = run("sync", "--no-deliver", "--ledger", str(tmp_path / "fresh"))
    assert result.exit_code == 0
    assert result.stdout.startswith("Collected 5 materialisations")
    assert "Delivered" not in result.stdout


def test_sync_without_definitions_is_refused(run):
    result = run("sync", target=False)
    assert result.exit_code == 3
    assert "collecting needs the definitions" in result.stderr


def test_doctor_on_a_sound_deployment(run, run_json):
    assert run("sync").exit_code == 0
    code, data = run_json("doctor", "--full")
    found = checks(data)
    assert [c for c in data["checks"] if c["state"] == "fail"] == []
    assert code == 0
    assert data["ok"] is True
    assert "lineage-guard" in found["versions"]["found"]
    assert found["Dagster's internals"]["state"] == "ok"
    assert found["training assets"]["found"] == "5 tagged, a gate before each"
    assert found["ledger"]["state"] == "ok"
    assert found["collection"]["found"] == "no materialisation waits (0 log entries behind)"
    assert found["alert sinks"]["state"] == "warn"
    assert all(c["fix"] for c in data["checks"] if c["state"] != "ok"), "what is not ok says how to mend it"
    table = run("doctor")
    assert table.exit_code == 0
    assert "Fix" in table.stdout


def test_doctor_finds_a_training_asset_without_a_gate(run_json, tmp_path):
    (tmp_path / "bare.py").write_text(
        "import dagster as dg\nfrom lineage_guard import training\n\n"
        "@dg.asset(tags=training())\ndef student(): ...\n\ndefs = dg.Definitions(assets=[student])\n"
    )
    code, data = run_json("doctor", "-f", "bare.py", target=False)
    found = checks(data)
    assert code == 1
    assert "no gate stands before: student" in found["training assets"]["found"]
    assert "does not call guard()" in found["code location bare.py"]["found"]


def test_doctor_names_data_that_was_described_and_not_loaded(run_json, tmp_path):
    (tmp_path / "described.py").write_text(
        "import dagster as dg\nimport lineage_guard\nfrom lineage_guard import public_assets, source, training\n\n"
        "survey = dg.AssetSpec('survey', metadata=source(human=True))\n"
        "public = public_assets('simplescaling/s1K-1.1')\n\n"
        "@dg.asset(deps=[survey, public[0]], tags=training())\ndef student(): ...\n"
    )
    loading = (
        "import sys, dagster as dg, lineage_guard\nsys.path.insert(0, {here!r})\nimport described\n"
        "defs = lineage_guard.guard(dg.Definitions(assets=dg.load_assets_from_modules([described]{specs})))\n"
    )
    (tmp_path / "without.py").write_text(loading.format(here=str(tmp_path), specs=""))
    (tmp_path / "with_specs.py").write_text(loading.format(here=str(tmp_path), specs=", include_specs=True"))
    _, data = run_json("doctor", "-f", "without.py", target=False)
    found = checks(data)["upstream"]
    assert found["state"] == "warn"
    assert "survey" in found["found"]
    assert "huggingface/simplescaling/s1K_1_1" in found["found"]
    assert "include_specs=True" in found["fix"]
    _, data = run_json("doctor", "-f", "with_specs.py", target=False)
    assert "upstream" not in checks(data)


def test_doctor_goes_on_past_what_is_broken(run_json, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.delenv("DAGSTER_HOME")
    monkeypatch.setenv("LINEAGE_GUARD_WEBHOOK_SECRET", "alone")
    code, data = run_json("doctor", "--ledger", str(tmp_path / "file" / "ledger"))
    found = checks(data)
    assert code == 1
    assert found["ledger"]["state"] == "fail"
    assert "DAGSTER_HOME is not set" in found["Dagster instance"]["found"]
    assert "LINEAGE_GUARD_WEBHOOK_URL is not" in found["alert sinks"]["found"]
    assert found["policy"]["state"] == "ok"


def test_doctor_names_alerts_that_were_given_up(run_json, home, tmp_path):
    from datetime import UTC, datetime

    from lineage_guard.alerts.content.notices import Context, sample
    from lineage_guard.alerts.delivery.outbox import Outbox, Waiting
    from lineage_guard.alerts.state import STATE, dump_state
    from lineage_guard.domain.incidents.incidents import Incidents
    from lineage_guard.ledger import open_ledger

    now = datetime.now(UTC)
    dead = Waiting(sample(now, Context()), "webhook:x", now, 12, "webhook:x: it answered 500")
    ledger = open_ledger(tmp_path / "ledger")
    ledger.store(STATE, dump_state(Incidents(), Outbox(dead=(dead,))))
    code, data = run_json("doctor", "--ledger", str(tmp_path / "ledger"))
    assert code == 1
    assert "1 were given up; the last: webhook:x: it answered 500" in checks(data)["alerts"]["found"]


def test_the_console_script_and_its_exit_codes_in_a_process_of_its_own(home, tmp_path):
    def script(*args):
        command = [str(Path(sys.executable).parent / "lineage-guard"), *args]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240)

    blocked = script("check", "blocked_student", "-f", str(DEFINITIONS))
    assert blocked.returncode == 1, blocked.stderr
    assert "Traceback" not in blocked.stderr
    assert script("check").returncode == 3
    assert script("--version").stdout.startswith("lineage-guard")


def test_help_imports_nothing_heavy():
    code = (
        "import sys, lineage_guard.cli as c\n"
        "try: c.cli.main(['check', '--help'])\n"
        "except SystemExit as e: assert e.code == 0, e.code\n"
        "heavy = {'dagster', 'duckdb', 'great_expectations', 'boto3', 'pandas', 'pyarrow', 'httpx', 'openlineage'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr


@pytest.fixture(autouse=True)
def _no_user_configuration(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))


def test_doctor_reports_a_name_that_dagster_has_moved(run_json, monkeypatch):
    """What a Dagster release that the guard does not fit looks like from here."""
    from lineage_guard.dagster.gate import wrap

    monkeypatch.delattr(wrap, "wrapped_by")
    for name in ("locations", "installed"):
        monkeypatch.delitem(sys.modules, f"lineage_guard.dagster.{name}", raising=False)
    code, data = run_json("doctor")
    found = checks(data)
    assert code == 1
    assert "a name is missing" in found["Dagster's internals"]["found"]
    assert "a name is missing" in found["code locations"]["found"]
    assert found["policy"]["state"] == "ok"
