"""The verdict commands on a real instance and a real ledger, and every exit code."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from pathlib import Path

import pytest

DEFINITIONS = Path(__file__).parent / "cli_deployment.py"


def one_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.startswith("Error")]
    assert len(lines) == 1, text
    assert "Traceback" not in text
    return lines[0]


def test_allowed_is_0(run):
    result = run("check", "allowed_student")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("ALLOWED  default:allowed_student (train_competing) by policy default")


def test_blocked_is_1_and_names_the_model(run):
    result = run("check", "blocked_student")
    assert result.exit_code == 1
    assert result.stdout.startswith("BLOCKED  default:blocked_student")
    assert "openai/gpt-4o via api.openai.com" in result.stdout


def test_not_known_is_2(run, run_json):
    result = run("check", "unknown_student")
    assert result.exit_code == 2
    assert result.stdout.startswith("BLOCKED")
    assert "mystery" in result.stdout
    code, data = run_json("check", "unknown_student")
    assert code == data["exit_code"] == 2


def test_a_waived_asset_is_0_and_says_so(run):
    result = run("check", "waived_student")
    assert result.exit_code == 0, result.output
    assert "WAIVED  default:" in result.stdout
    assert "WAIVED" in result.stdout


def test_another_use_another_answer(run):
    assert run("check", "blocked_student", "--use", "evaluate").exit_code == 0
    assert run("check", "blocked_student", "--use", "train_competing").exit_code == 1


def test_an_asset_that_is_not_for_training_is_judged_as_if_it_were(run):
    result = run("check", "curated")
    assert result.exit_code == 1
    assert "train_competing is assumed" in result.stdout
    assert "No gate stands before this asset" in result.stdout


def test_the_policy_can_be_another(run, tmp_path):
    assert run("check", "blocked_student", "--policy", "observe").exit_code == 0
    result = run("check", "blocked_student", "--policy", "lenient")
    assert result.exit_code == 3
    assert "lenient" in one_line(result.stderr)
    (tmp_path / "mine.yaml").write_text("name: mine\nrules: 3\n")
    result = run("check", "blocked_student", "--policy", "mine.yaml")
    assert result.exit_code == 3
    assert "mine.yaml:2" in one_line(result.stderr)


def test_partitions(run):
    assert run("check", "daily_student", "--partition", "mon").exit_code == 0
    never_made = run("check", "daily_student", "--partition", "tue")
    assert never_made.exit_code == 2, never_made.output
    for args, what in (
        (["daily_student"], "is partitioned"),
        (["daily_student", "--partition", "sun"], "no partition 'sun'"),
        (["allowed_student", "--partition", "mon"], "has no partitions"),
    ):
        result = run("check", *args)
        assert result.exit_code == 3
        assert what in one_line(result.stderr)


def test_where_to_read_on_is_the_same_question(run):
    asked = ("daily_student", "--partition", "tue", "--use", "train_competing", "--policy", "strict")
    result = run("check", *asked)
    [see] = [line for line in result.stdout.splitlines() if "See:" in line]
    words = shlex.split(see.partition("See: ")[2])
    assert words[:2] == ["lineage-guard", "explain"]
    assert set(asked) <= set(words)
    assert words[words.index("-f") + 1] == str(DEFINITIONS)
    assert run(*words[1:], target=False).exit_code == result.exit_code == 2


def test_explain_draws_the_path_and_gives_three_ways(run):
    result = run("explain", "blocked_student")
    assert result.exit_code == 1
    text = result.stdout
    for part in (
        "default:blocked_student <- default:curated@",
        "Rule: model-terms (RESTRICTED_MODEL)",
        "Terms: https://",
        "Ways to unblock:",
        "lineage-guard sync",
        "waiver",
    ):
        assert part in text
    assert [f"  {n}. " in text for n in (1, 2, 3)] == [True] * 3


def test_json_is_one_object_with_the_facet_and_the_text(run_json):
    code, data = run_json("explain", "blocked_student")
    (verdict,) = data["verdicts"]
    assert code == data["exit_code"] == 1
    assert verdict["decision"] == "BLOCK"
    assert verdict["stops"] is True
    assert verdict["findings"]
    assert verdict["text"].startswith("BLOCKED")


PARTLY_HELD = """\
import dagster as dg
import lineage_guard

@dg.asset(tags=lineage_guard.training())
def held(): ...

@dg.asset(tags=lineage_guard.training())
def watched(): ...

@dg.asset(tags=lineage_guard.training())
def left_out(): ...

@dg.multi_asset(specs=[dg.AssetSpec("twin", tags=lineage_guard.training()), dg.AssetSpec("scores")])
def both(): ...

defs = lineage_guard.guard(
    dg.Definitions(assets=[held, watched, left_out, both]),
    select="key:held or key:watched or key:twin",
    mode={"key:watched": "observe"},
    sensor=False,
)
"""


@pytest.mark.parametrize(
    ("asset", "enforced", "note"),
    [
        ("held", True, None),
        ("watched", False, None),
        ("left_out", False, "guard(select='key:held or key:watched or key:twin') leaves it out"),
        ("scores", False, "its step is wrapped for other assets"),
    ],
)
def test_json_says_whether_a_gate_would_hold_the_asset_to_the_verdict(run, tmp_path, asset, enforced, note):
    (tmp_path / "partly.py").write_text(PARTLY_HELD)
    result = run("check", asset, "--json", "-f", "partly.py", target=False)
    [said] = json.loads(result.stdout)["verdicts"]
    assert said["enforced"] is enforced, result.output
    told = [n for n in said["notes"] if n.startswith("No gate stands before this asset")]
    assert len(told) == bool(note)
    assert (note or "") in "".join(told)


def test_a_name_that_is_nearly_right_gets_a_suggestion(run):
    result = run("check", "blocked_studnt")
    assert result.exit_code == 3
    assert "did you mean blocked_student" in one_line(result.stderr)


@pytest.mark.parametrize("args", [["check"], ["nope"], ["check", "a", "--frob"], ["--frob"]])
def test_wrong_usage_is_3_not_clicks_2(run, args):
    assert run(*args, target=False).exit_code == 3


def test_code_that_does_not_load_is_3(run, tmp_path):
    (tmp_path / "broken.py").write_text("import dagster\nraise ZeroDivisionError('at import')\n")
    result = run("check", "x", "-f", "broken.py", target=False)
    assert result.exit_code == 3
    assert "ZeroDivisionError: at import" in one_line(result.stderr)
    result = run("check", "x", "-f", "missing.py", target=False)
    assert result.exit_code == 3
    assert "missing.py: there is no such file" in one_line(result.stderr)


def test_debug_shows_where(run, monkeypatch, tmp_path):
    monkeypatch.setenv("LINEAGE_GUARD_DEBUG", "1")
    result = run("check", "x", "-f", "missing.py", target=False)
    assert result.exception is not None
    assert type(result.exception).__name__ == "ConfigError"


def test_a_ledger_that_cannot_be_reached_is_4(run, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    for command in (["check", "blocked_student"], ["explain", "blocked_student"], ["sync"]):
        result = run(*command, "--ledger", str(tmp_path / "file" / "ledger"))
        assert result.exit_code == 4, (command, result.output)
        assert "To fix:" in one_line(result.stderr)


def test_a_damaged_ledger_is_4(run, home, tmp_path):
    assert run("sync").exit_code == 0
    copy = tmp_path / "ledger"
    shutil.copytree(home / "lineage_guard", copy)
    logs = sorted(p for p in copy.rglob("*") if p.is_file() and "log" in str(p.relative_to(copy)))
    assert logs
    for path in logs:
        path.write_bytes(b"\x00garbage")
    assert run("check", "blocked_student", "--ledger", str(copy)).exit_code == 4


def test_without_an_instance_it_is_3(run, monkeypatch, home):
    monkeypatch.delenv("DAGSTER_HOME")
    result = run("check", "blocked_student", "--ledger", str(home / "lineage_guard"))
    assert result.exit_code == 3
    assert "DAGSTER_HOME is not set" in one_line(result.stderr)
    result = run("check", "blocked_student")
    assert result.exit_code == 3
    assert "no place for the ledger" in one_line(result.stderr)


def test_without_definitions_the_ledger_alone_answers(run, home, monkeypatch):
    assert run("sync").exit_code == 0
    monkeypatch.delenv("DAGSTER_HOME")
    place = ["--ledger", str(home / "lineage_guard")]
    result = run("check", "curated", *place, target=False)
    assert result.exit_code == 1, result.output
    assert "newest versions in the ledger" in result.stdout
    [said] = json.loads(run("check", "curated", "--json", *place, target=False).stdout)["verdicts"]
    assert said["enforced"] is None, "the ledger does not know where gates stand"
    assert run("check", "letters", *place, target=False).exit_code == 0
    result = run("check", "blocked_student", *place, target=False)
    assert result.exit_code == 3
    assert "holds no version" in one_line(result.stderr)


@pytest.mark.parametrize("kind", ["-w", "workspace.yaml", "pyproject", "dg"])
def test_every_kind_of_target(run, tmp_path, kind):
    (tmp_path / "deployed").mkdir()
    (tmp_path / "deployed" / "__init__.py").write_text("")
    shutil.copy(DEFINITIONS, tmp_path / "deployed" / "definitions.py")
    if kind in ("-w", "workspace.yaml"):
        name = "ws.yaml" if kind == "-w" else kind
        (tmp_path / name).write_text(f"load_from:\n  - python_file: {DEFINITIONS}\n")
        args = ["-w", name] if kind == "-w" else []
    else:
        block = (
            '[tool.dagster]\nmodule_name = "deployed.definitions"\n'
            if kind == "pyproject"
            else '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "deployed"\n'
        )
        (tmp_path / "pyproject.toml").write_text(block)
        args = []
    result = run("check", "allowed_student", *args, target=False)
    assert result.exit_code == 0, result.output


def test_a_workspace_of_modules_finds_them_in_the_current_folder(run, tmp_path, monkeypatch):
    (tmp_path / "beside_the_workspace").mkdir()
    (tmp_path / "beside_the_workspace" / "__init__.py").write_text("")
    shutil.copy(DEFINITIONS, tmp_path / "beside_the_workspace" / "definitions.py")
    (tmp_path / "workspace.yaml").write_text("load_from:\n  - python_module: beside_the_workspace.definitions\n")
    # What a console script begins with, where `python -m` begins with the current folder.
    monkeypatch.setattr(sys, "path", [str(Path(sys.executable).parent), *(p for p in sys.path if p)])
    result = run("check", "allowed_student", "-w", "workspace.yaml", target=False)
    assert result.exit_code == 0, result.output


def test_a_code_server_elsewhere_is_named_and_not_passed_over(run, tmp_path):
    (tmp_path / "workspace.yaml").write_text(
        f"load_from:\n  - python_file: {DEFINITIONS}\n  - grpc_server:\n      host: localhost\n      port: 4266\n"
        "      location_name: elsewhere\n"
    )
    result = run("check", "allowed_student", target=False)
    assert result.exit_code == 0, result.output
    assert "Code location elsewhere was not looked at" in result.stdout
    assert run("sync", target=False).exit_code == 3
