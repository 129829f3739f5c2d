"""What `sync` says of delivery: what was refused, and how far it has got."""

import json
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
from http_server import answering

from lineage_guard.cli.doctor.delivery import examine
from lineage_guard.ledger import open_ledger


@dataclass
class LineageBackend:
    """Takes events, but for those of jobs that it was told to refuse."""

    url: str = ""
    statuses: dict[str, int] = field(default_factory=dict)
    jobs: list[str] = field(default_factory=list)


@pytest.fixture
def lineage_backend():
    backend = LineageBackend()

    def answer(sent: bytes) -> int:
        job = json.loads(sent)["job"]["name"]
        status = backend.statuses.get(job, 201)
        if status == 201:
            backend.jobs.append(job)
        return status

    with answering(answer) as backend.url:
        yield backend


def test_sync_sends_refused_events_again(run, tmp_path, monkeypatch, lineage_backend):
    monkeypatch.setenv("OPENLINEAGE_URL", lineage_backend.url)
    place = ["--ledger", str(tmp_path / "fresh")]
    lineage_backend.statuses = {"letters": 422}
    result = run("sync", *place)
    assert result.exit_code == 0, result.output
    assert "2 were refused by the backend, 2 of them now; the ledger keeps them." in result.stdout
    assert "- COMPLETE of default:letters, run 0" in result.stdout
    assert "422" in result.stdout
    assert "2 were refused by the backend; the ledger keeps them." in run("sync", *place).stdout
    [found] = examine(SimpleNamespace(ledger=open_ledger(place[1])))
    assert (found.state, found.found) == ("warn", "the backend refused 2")
    assert "lineage-guard sync --refused" in found.fix
    result = run("sync", "--refused", *place)
    assert "Sent again 0 events that were refused before, 2 wait." in result.stdout
    lineage_backend.statuses = {}
    result = run("sync", "--no-deliver", "--refused", *place)
    assert "Sent again 2 events that were refused before, 0 wait." in result.stdout
    assert lineage_backend.jobs.count("letters") == 2


def test_progress_without_a_terminal_is_a_line_now_and_then(monkeypatch, capsys):
    from lineage_guard.cli import progress

    times = iter([0.0, 4.0, 4.0, 11.0, 11.0, 12.0, 12.0, 22.0, 22.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(times))
    with progress.shown("Delivering", quiet=False) as told:
        for done in (2_000, 5_500, 6_000, 11_000):
            told(done, 100_000)
            next(times) if done in (2_000, 6_000) else None
    assert capsys.readouterr().err.splitlines() == [
        "Delivering: 5,500 of 100,000 (500/s)",
        "Delivering: 11,000 of 100,000 (500/s)",
    ]
