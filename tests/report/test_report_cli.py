"""`lineage-guard report` and `lineage-guard report verify`, in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from report_ledger import DAY, HOSTILE, LATER, LETTERS, RUN, STUDENT, report_on

from lineage_guard.cli import cli
from lineage_guard.cli.reporting import _moment
from lineage_guard.domain.errors import ConfigError
from lineage_guard.ledger.asking.past import as_of
from lineage_guard.report.document import as_json
from lineage_guard.report.naming import Named, find, readings

FILE = """\
format: 1
waivers:
  - id: w-student
    rule: model-terms
    asset: student
    model: gpt-4o*
    reason_code: AGREEMENT_PENDING
    reason: an agreement is being signed
    requested_by: ada@example.com
    requested_on: "2026-02-19"
    approved_by: grace@example.com
    approved_on: "2026-02-20"
    ticket: LEGAL-7
    expires: "2026-09-01"
    revoked: {by: grace@example.com, on: "2026-03-04", reason: signed}
"""


@pytest.fixture
def run(place, tmp_path, monkeypatch) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)
    for name in ("LINEAGE_GUARD_CATALOG", "OPENLINEAGE_NAMESPACE", "DAGSTER_HOME", "LINEAGE_GUARD_SIGNING_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LINEAGE_GUARD_LEDGER", str(place))
    return lambda *args: CliRunner().invoke(cli, ["report", *args])


def subject(result: Result) -> dict:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)["subject"]


def test_without_a_run_it_is_the_newest(run) -> None:
    assert subject(run("student"))["run"] == LATER.run
    assert subject(run("student", "--as-of", "2026-03-10"))["run"] == STUDENT.run


@pytest.mark.parametrize("named", [RUN["d"], "85000004", "019b76da-a800-7503-85d6-56f4850000ff"])
def test_a_run_is_named_by_its_id_its_end_or_dagsters(run, named) -> None:
    assert subject(run(f"student@{named}"))["run"] == STUDENT.run


def test_it_prints_what_the_library_makes(run, ledger) -> None:
    result = run(f"student@{STUDENT.run}")
    assert result.stdout_bytes == as_json(report_on(ledger, waivers=()))


def test_partitions_and_names_with_signs_in_them(run, ledger) -> None:
    for asset in (HOSTILE, f"{HOSTILE}:2026|de", f"{HOSTILE}@{LETTERS.run}:2026|de", f"{HOSTILE}@{LETTERS.run}"):
        assert subject(run(asset)) == {
            "namespace": "default",
            "name": HOSTILE,
            "partition": "2026|de",
            "run": LETTERS.run,
            "use": "train_competing",
            "useFrom": "assumed",
        }
    assert readings("a:b") == (Named("a:b"), Named("a", None, "b"))
    assert readings("plain") == (Named("plain"),)
    past = as_of(ledger.archive, None, "student")
    with pytest.raises(ConfigError, match="held no such version"):
        find(past, "default", f"{HOSTILE}:nope")


@pytest.mark.parametrize(
    ("args", "what"),
    [
        (["nobody"], "held no such version"),
        (["student@deadbeef"], "verdicts on this name: 2"),
        (["student", "--as-of", "2026-03-01"], "the ledger holds nothing by 2026-03-01"),
        (["student", "--as-of", "yesterday"], "is no date"),
        (["student", "--sign", "key.pem"], "a signature needs a file"),
        (["student", "--policy", "lenient"], "lenient"),
        (["student", "--waivers", "none.yaml"], "the waivers cannot be read"),
        (["student", "--out", "no/such/folder.json"], "cannot be written"),
        (["verify", "none.json", "--key", "k.pem"], "cannot be read"),
        ([], "Missing argument"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_3(run, args, what) -> None:
    result = run(*args)
    assert result.exit_code == 3
    [line] = [each for each in result.stderr.splitlines() if each.startswith("Error")]
    assert what in line
    assert not result.stdout


def test_several_partitions_must_be_told_apart(own, run, monkeypatch) -> None:
    from lineage_guard.domain.facts import Production, Version
    from lineage_guard.domain.verdict.runs import AssetRun, RunState
    from lineage_guard.ledger import open_ledger
    from lineage_guard.openlineage.encode import event_of

    versions = [
        Version("default", "daily", day, f"019b76da-a800-7503-85d6-56f48600000{n}") for n, day in enumerate("ab")
    ]
    runs = [AssetRun(v.run, RunState.COMPLETE, DAY, "default", "daily", Production((v,))) for v in versions]
    open_ledger(own).append([event_of(each) for each in runs])
    result = run("daily", "--ledger", str(own))
    assert result.exit_code == 3
    assert "2 versions are meant" in result.stderr
    assert f"daily@{versions[0].run}:a" in result.stderr
    assert subject(run("daily:b", "--ledger", str(own)))["run"] == versions[1].run
    assert subject(run("daily@86000000", "--ledger", str(own)))["partition"] == "a"


def test_a_file_of_waivers_counts_until_it_was_taken_back(run, tmp_path) -> None:
    (tmp_path / "waivers.yaml").write_text(FILE)
    args = (f"student@{STUDENT.run}", "--waivers", "waivers.yaml")
    for day, in_force in (("2026-03-03", True), ("2026-03-04", False)):
        [waived] = json.loads(run(*args, "--as-of", day).stdout)["waivers"]
        assert waived["inForce"] is in_force
        assert ("R" in waived["verdicts"]) is in_force
        assert waived["text"]["revokedBy"] == "grace@example.com"


def test_policy_and_use_are_those_that_are_named(run) -> None:
    told = json.loads(run(f"student@{STUDENT.run}", "--policy", "research", "--use", "evaluate").stdout)
    assert told["basis"]["policy"] == "research"
    assert told["subject"]["useFrom"] == "given"


def test_a_report_is_signed_and_verified(run, tmp_path) -> None:
    private = ed25519.Ed25519PrivateKey.generate()
    (tmp_path / "key.pem").write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "public.pem").write_bytes(public)
    assert run("student", "--format", "html", "--out", "report.html", "--sign", "key.pem").exit_code == 0
    assert Path("report.html").read_bytes().startswith(b"<!DOCTYPE html>")
    result = run("verify", "report.html", "--key", "public.pem")
    assert result.exit_code == 0, result.output
    assert "As of 2026-03-11T09:00:00.000000Z, ledger 6:sha256:" in result.stdout
    Path("report.html").write_bytes(Path("report.html").read_bytes() + b" ")
    result = run("verify", "report.html", "--key", "public.pem")
    assert result.exit_code == 3
    assert "the signature does not hold" in result.stderr


def test_a_key_that_does_not_work_leaves_no_report(run, tmp_path) -> None:
    (tmp_path / "key.pem").write_text("junk")
    assert run("student", "--out", "report.json", "--sign", "key.pem").exit_code == 3
    assert not Path("report.json").exists()


def test_help_is_that_of_the_command(run) -> None:
    told = run("--help").stdout
    assert told.startswith("Usage: cli report [OPTIONS] ASSET[@RUN][:PARTITION]")
    assert "--as-of" in told
    assert "--signature" in run("verify", "--help").stdout


def test_a_day_is_its_end_in_utc() -> None:
    assert _moment("2026-03-02") == datetime(2026, 3, 2, 23, 59, 59, 999999, tzinfo=UTC)
    assert _moment("20260302") == _moment("2026-W10-1") == _moment("2026-03-02")
    assert _moment("2026-03-02T10:00:00+02:00") == datetime(2026, 3, 2, 8, tzinfo=UTC)
    assert _moment("2026-03-02T10:00:00") == datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert _moment(None) is None
    assert DAY + timedelta(hours=1) < _moment("2026-03-02")
