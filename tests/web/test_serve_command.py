"""`lineage-guard serve`: what it says before it serves, how it stops."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from lineage_guard.cli import cli


@pytest.fixture(autouse=True)
def no_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LINEAGE_GUARD_TOKENS", "LINEAGE_GUARD_READ_TOKENS", "LINEAGE_GUARD_LEDGER", "DAGSTER_HOME"):
        monkeypatch.delenv(name, raising=False)


def said(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["serve", *arguments])
    return done.exit_code, done.output


def test_others_are_not_let_in_by_oversight(tmp_path: Path):
    code, output = said("--ledger", str(tmp_path / "ledger"), "--host", "0.0.0.0", "--port", "0")
    assert code == 3
    assert "LINEAGE_GUARD_READ_TOKENS" in output
    assert "--unguarded" in output


def test_a_policy_that_is_not_there_is_an_error_before_anything_listens(tmp_path: Path):
    code, output = said("--ledger", str(tmp_path / "ledger"), "--policy", "nobody", "--port", "0")
    assert code == 3
    assert "nobody" in output


def test_a_ledger_that_cannot_be_read_is_an_error_before_anything_listens(tmp_path: Path):
    place = tmp_path / "ledger"
    place.write_text("no folder")
    code, output = said("--ledger", str(place), "--port", "0")
    assert code == 4, output


def test_a_port_that_is_taken_says_so(tmp_path: Path):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, output = said("--ledger", str(tmp_path / "ledger"), "--port", str(taken.getsockname()[1]))
    assert code == 3
    assert "choose another --port" in output


def test_no_place_for_the_ledger_says_so():
    code, output = said("--port", "0")
    assert code == 3
    assert "LINEAGE_GUARD_LEDGER" in output


@pytest.mark.long
def test_it_serves_says_where_and_stops_when_it_is_told(tmp_path: Path):
    command = [sys.executable, "-m", "lineage_guard.cli", "serve", "--port", "0", "--ledger", str(tmp_path / "ledger")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = server.stdout.readline().split(" at ")[1].split()[0]
        assert httpx.get(url, timeout=30).status_code == 200
        server.send_signal(signal.SIGINT)
        assert server.wait(30) == 130
        assert server.stderr is not None
        assert "Traceback" not in server.stderr.read()
