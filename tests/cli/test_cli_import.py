"""`import` and `receive` on real files, a real ledger and a real S3 API."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from click.testing import CliRunner, Result

from lineage_guard.cli import cli
from lineage_guard.ledger import open_ledger
from lineage_guard.ledger.archive.quarantine import quarantined

sys.path.insert(0, str(Path(__file__).parents[1] / "openlineage"))
from foreign_examples import data, event, ran

EVENTS = [e for n in range(6) for e in ran(f"writer {n}", n, n + 1, [data("raw")], [data(f"t{n}")])]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("LINEAGE_GUARD_LEDGER", str(tmp_path / "ledger"))
    monkeypatch.delenv("LINEAGE_GUARD_TOKENS", raising=False)
    return str(tmp_path / "ledger")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The same events in every way they are written, and files that are no events."""
    inside = tmp_path / "events" / "deep"
    inside.mkdir(parents=True)
    lines = "\n".join(json.dumps(e) for e in EVENTS)
    halves = [gzip.compress(part.encode()) for part in (lines[:99], lines[99:])]
    (inside / "one.json").write_text(json.dumps(EVENTS[0], indent=2))
    (inside / "array.json").write_text(json.dumps(EVENTS[1:4]))
    (inside / "lines.ndjson").write_text(lines + "\n\n")
    (inside / "lines.jsonl.gz").write_bytes(b"".join(halves))
    (inside / "notes.md").write_text("not looked at")
    return tmp_path / "events"


def run(*args: str) -> Result:
    return CliRunner().invoke(cli, [*args])


def told(*args: str) -> tuple[int, dict[str, Any]]:
    result = run("import", "--json", *args)
    return result.exit_code, json.loads(result.stdout)


def test_every_way_of_writing_events_is_read_and_doubles_count_once(place: str, folder: Path) -> None:
    code, said = told(str(folder))
    assert (code, said) == (0, {"accepted": 12, "duplicates": 16, "quarantined": []})
    assert open_ledger(place).check().events == 12
    assert open_ledger(place).check().tail == 0, "what was imported is in the index"
    assert told(str(folder)) == (0, {"accepted": 0, "duplicates": 28, "quarantined": []})


def test_worker_processes_change_nothing_but_the_time(place: str, folder: Path, tmp_path: Path) -> None:
    (folder / "cut.ndjson").write_text(json.dumps(EVENTS[0]) + '\n{"a": \n' + json.dumps(EVENTS[1]))
    _, alone = told(str(folder))
    other = str(tmp_path / "other")
    _, said = told(str(folder), "--workers", "2", "--ledger", other)
    assert said == alone
    assert said["quarantined"][0]["where"].endswith("cut.ndjson:2")
    assert [e for _, e in open_ledger(other).events()] == [e for _, e in open_ledger(place).events()]


def test_a_named_file_is_read_whatever_its_name(place: str, tmp_path: Path) -> None:
    (tmp_path / "openlineage.log").write_text(json.dumps(EVENTS[0]))
    assert told(str(tmp_path / "openlineage.log"))[1]["accepted"] == 1


def test_what_is_malformed_is_put_aside_with_its_reason_and_nothing_else_is_lost(place: str, folder: Path) -> None:
    cut = json.dumps(EVENTS[0])[:40]
    bad_time = event("START", "bad", 0) | {"eventTime": "now"}
    not_a_number = '{"eventTime": NaN}'
    text = "\n".join([json.dumps(EVENTS[4]), cut, json.dumps(bad_time), "[1]", json.dumps(EVENTS[5]), not_a_number])
    (folder / "mixed.ndjson").write_text(text)
    (folder / "empty.json").write_text("")
    (folder / "broken.json.gz").write_bytes(gzip.compress(json.dumps(EVENTS).encode())[:-40])
    (folder / "latin.json").write_bytes('{"job": "Müller"}'.encode("latin-1"))
    (folder / "package.json").write_text('{"name": "x"}')
    code, said = told(str(folder))
    assert (code, said["accepted"]) == (1, 12)
    where = {Path(q["where"]).name: (q["field"], q["reason"]) for q in said["quarantined"]}
    assert where["mixed.ndjson:3"] == ("event.eventTime", "expected an ISO 8601 time, found 'now'")
    assert where["mixed.ndjson:4"] == (None, "it is JSON, but no object")
    assert where["package.json"][0] == "event.run"
    assert where["empty.json"] == (None, "it is empty")
    for name in ("mixed.ndjson:2", "latin.json"):
        assert where[name][1].startswith("it is not JSON")
    assert "gzip" in where["broken.json.gz"][1]
    assert len(where) == 8
    kept = {Path(q.source).name: q.raw for q in quarantined(open_ledger(place).archive)}
    assert kept.keys() == where.keys()
    assert kept["mixed.ndjson:2"] == cut.encode()
    assert kept["broken.json.gz"] == (folder / "broken.json.gz").read_bytes()
    assert told(str(folder))[1]["accepted"] == 0
    assert len(list(quarantined(open_ledger(place).archive))) == 8, "each is kept once"


def test_the_table_says_what_became_of_them(place: str, folder: Path) -> None:
    (folder / "bad.json").write_text(json.dumps(event("DONE", "bad", 0)))
    result = run("import", str(folder))
    assert result.exit_code == 1
    rows = [line.rsplit(maxsplit=1) for line in result.stdout.splitlines() if line.strip()]
    counts = {r[0].strip(): r[1] for r in rows if len(r) == 2}
    assert (counts["accepted"], counts["duplicates"], counts["quarantined"]) == ("12", "16", "1")
    assert "event.eventType: expected one of" in " ".join(result.stdout.split())
    assert "bad.json" in result.stderr


@pytest.mark.parametrize("nothing", ["missing.json", "empty-folder"])
def test_nothing_to_import_is_wrong_usage(place: str, tmp_path: Path, nothing: str) -> None:
    (tmp_path / "empty-folder").mkdir()
    result = run("import", str(tmp_path / nothing))
    assert result.exit_code == 3
    assert "no event files" in result.stderr


def test_a_ledger_that_cannot_be_written_is_its_own_exit_code(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run("import", str(folder), "--ledger", str(tmp_path / "file"))
    assert result.exit_code == 4


def test_a_prefix_of_a_bucket_is_imported(place: str, folder: Path, tmp_path: Path, monkeypatch: Any) -> None:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        for name, value in {
            "AWS_ENDPOINT_URL_S3": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
        }.items():
            monkeypatch.setenv(name, value)
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="events")
        for path in sorted((folder / "deep").iterdir()):
            s3.upload_file(str(path), "events", f"lineage/2026/{path.name}")
        s3.put_object(Bucket="events", Key="other/x.json", Body=json.dumps(event("START", "other", 0)).encode())
        assert told("s3://events/lineage/2026/one.json") == (0, {"accepted": 1, "duplicates": 0, "quarantined": []})
        assert told("s3://events/lineage") == (0, {"accepted": 11, "duplicates": 17, "quarantined": []})
        assert told("s3://events")[1]["accepted"] == 1
        assert run("import", "s3://events/nowhere").exit_code == 3
        assert run("import", "s3://no-such-bucket/x").exit_code == 4
    finally:
        server.stop()


def test_receive_will_not_listen_to_the_network_without_a_token(place: str) -> None:
    result = run("receive", "--host", "0.0.0.0")
    assert result.exit_code == 3
    assert "LINEAGE_GUARD_TOKENS" in result.stderr


def test_receive_says_what_to_install(place: str, tmp_path: Path) -> None:
    (tmp_path / "uvicorn.py").write_text("raise ImportError('no uvicorn', name='uvicorn')")
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "lineage_guard.cli", "receive"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert (done.returncode, "lineage-guard[web]" in done.stderr) == (3, True)
