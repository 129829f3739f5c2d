"""A file of waivers as each process is told of it: the gate, the sensor and the run coordinator."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from lineage_guard import guard, training
from lineage_guard.dagster.coordinator.config import check, rules_of
from lineage_guard.dagster.gate.sign import fingerprint
from lineage_guard.dagster.installed import settings_of
from lineage_guard.dagster.sensor.decide import waived
from lineage_guard.dagster.settings import Settings
from lineage_guard.domain.errors import ConfigError, WaiverError

NOW = datetime(2026, 11, 22, tzinfo=UTC)
FILE = """\
format: 1
waivers:
  - {id: w-1, rule: model-terms, asset: student, model: "gpt-4o*", reason_code: AGREEMENT_PENDING, reason: r,
     requested_by: ann, approved_by: bob, ticket: T-1, expires: 2027-01-01}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "waivers.yaml"
    path.write_text(FILE)
    return path


def test_the_gate_the_coordinator_and_the_sensor_read_one_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    monkeypatch.setenv("LINEAGE_GUARD_LEDGER", str(file.parent))

    @dg.asset(tags=training())
    def student() -> None: ...

    defs = guard(dg.Definitions(assets=[student]), waivers="waivers.yaml", sensor=False)
    [asset] = defs.assets or ()
    assert isinstance(asset, dg.AssetsDefinition)
    told = settings_of(asset)
    assert told is not None
    assert told.waivers == file.resolve(), "whatever the folder of the process that runs the step"
    monkeypatch.chdir("/")
    assert [w.id for w in told.accepted()] == ["w-1"]
    rules = check(rules_of({"waivers": str(file)}))
    assert rules.settings.accepted() == told.accepted()
    assert fingerprint(rules.settings) == fingerprint(told), "the same rules: the coordinator may answer for the gate"
    assert len(waived(told, NOW)) == 1
    assert waived(told, datetime(2027, 1, 1, tzinfo=UTC)) == []
    [late] = waived(told, datetime(2026, 12, 20, tzinfo=UTC))
    assert late.endswith(" ends soon"), "so that the sensor shows the verdict, and its warning, once more"


def test_what_changes_in_the_file_changes_what_is_asked_again(file: Path) -> None:
    settings = Settings(waivers=file)
    sign, before = fingerprint(settings), waived(settings, NOW)
    file.write_text(FILE.replace("gpt-4o*", "gpt-4o"))
    assert fingerprint(settings) != sign
    assert waived(settings, NOW) != before
    file.write_text("format: 1")
    [said] = waived(settings, NOW)
    assert "lacks 'waivers'" in said
    with pytest.raises(WaiverError):
        settings.accepted()
    with pytest.raises(WaiverError):
        check(rules_of({"waivers": str(file)}))


def test_a_file_that_is_not_there_keeps_the_code_location_from_loading() -> None:
    with pytest.raises(ConfigError, match=r"no file of waivers 'none.yaml'.*format: 1, waivers: \[\]"):
        guard(dg.Definitions(assets=[]), waivers="none.yaml")
