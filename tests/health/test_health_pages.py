"""A page that does not arrive is told by probes, metrics and the doctor, whichever process keeps it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lineage_guard.alerts import Alert, Undelivered, send
from lineage_guard.cli.doctor.alerts import examine
from lineage_guard.cli.doctor.patient import Patient
from lineage_guard.dagster.target import Target
from lineage_guard.domain.incidents.heartbeat import Heartbeat, verdict_on
from lineage_guard.health import Measuring, health, readings
from lineage_guard.health.prometheus import exposition
from lineage_guard.health.watching import STATE
from lineage_guard.ledger import open_ledger

NOW = datetime.now(UTC)


class Dead:
    name = "pager"

    def send(self, alert: Alert) -> None:
        raise Undelivered("no answer in time", where=self.name, fix="see whether it is well")


def test_a_page_that_fails_for_minutes_is_not_well_and_one_that_was_given_up_neither(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINEAGE_GUARD_LEDGER", str(tmp_path))
    ledger = open_ledger(tmp_path)
    silent = verdict_on(Heartbeat("training", "dagster:1", NOW, timedelta(seconds=30)), NOW, silent=True)

    def found() -> tuple[bool, str, str, str]:
        measured = Measuring(ledger).measure(NOW)
        [check] = [c for c in health(measured).checks if c.name == "alerts"]
        shown, _ = exposition(lambda: readings(measured))
        [line] = [t for t in shown.decode().splitlines() if t.startswith("lineage_guard_alerts_missed{")]
        [said] = [r for r in examine(Patient(Target(), None, False, NOW, ledger=ledger)) if r.check == "alerts"]
        return check.ok, check.said, line, f"{said.state}: {said.found}"

    send([silent], [Dead()], ledger, NOW, state=STATE)
    ok, _, line, said = found()
    assert (ok, line) == (True, 'lineage_guard_alerts_missed{sink="pager"} 0.0')
    assert said.startswith("warn: 1 wait; pager: ")
    for minutes in range(1, 15):
        send([], [Dead()], ledger, NOW + timedelta(minutes=minutes), state=STATE)
    ok, check, line, said = found()
    assert (ok, check) == (False, "pages that have not arrived for minutes: 1 to pager")
    assert line == 'lineage_guard_alerts_missed{sink="pager"} 1.0'
    assert said.startswith("fail: 1 not delivered for minutes; the last, to pager: ")
    for hours in range(1, 24):
        send([], [Dead()], ledger, NOW + timedelta(minutes=61 * hours), state=STATE)
    ok, check, line, said = found()
    assert (ok, check) == (False, "given up: 1 for pager")
    assert line == 'lineage_guard_alerts_missed{sink="pager"} 1.0'
    assert said.startswith("fail: 1 were given up; the last: ")
