"""Rules that broke after they were loaded page through the sinks: once, whoever reads them, until they are mended."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from losing import Deployment
from pager import Pager

from lineage_guard import guard
from lineage_guard.alerts import Alert
from lineage_guard.dagster.declare import training
from lineage_guard.dagster.sensor.trouble import FORGOTTEN
from lineage_guard.domain.errors import CatalogError, ConfigError, LedgerError, PolicyError

POLICY = "format: 1\nname: mine\nimport: default\n"
CATALOG = "format: 1\nterms: []\n"
BROKEN = "format: 1\nname: mine\nimport: default\nrules: [\n"


def about_rules(pager: Pager) -> list[Alert]:
    return [a for a in pager.alerts if a.rule == "rules-unreadable"]


def told(pager: Pager) -> list[tuple[str, str]]:
    return [(a.event, Path(a.cause).name) for a in about_rules(pager)]


@pytest.mark.parametrize(("setting", "error"), [("policy", PolicyError), ("catalog", CatalogError)])
def test_a_file_that_broke_pages_once_for_all_locations_and_ends_with_the_last(
    held: Deployment, tmp_path: Path, setting: str, error: type[Exception]
) -> None:
    pager, file = Pager(), tmp_path / "rules.yaml"
    well = POLICY if setting == "policy" else CATALOG
    settings: dict[str, Any] = {setting: file if setting == "policy" else (file,)}
    file.write_text(well)
    for location in ("training", "serving"):
        held.tick(location, [pager], **settings)
    assert pager.alerts == []
    for text in (BROKEN, "\n" + BROKEN, ""):  # wrong in another line, and in another way
        file.write_text(text)
        held.fails("training", [pager], error, **settings)
        held.fails("serving", [pager], error, **settings)
        held.restart()
    (page,) = pager.alerts
    assert (page.event, page.kind, page.page) == ("OPEN", "BLIND", True)
    assert (page.rule, page.cause) == ("rules-unreadable", f"rules:{file}")
    assert f"training cannot go by its rules: {file}:5:1: not valid YAML" in page.message
    assert "stop every training step that they enforce" in page.message
    assert page.ways[0].title == "Mend it: mend the YAML."
    assert page.runbook == "https://guard.example/runbooks/rules-unreadable"
    assert page.links == {}, "there is no such asset, and the ledger does not hold the incident"
    file.write_text(well)
    held.tick("training", [pager], **settings)
    assert pager.told == ["OPEN"], "serving has not said that it can read them"
    for _ in range(2):
        held.tick("serving", [pager], **settings)
    assert [(a.event, a.incident) for a in pager.alerts] == [("OPEN", page.incident), ("RESOLVE", page.incident)]
    assert "goes by them again" in pager.alerts[-1].message


def test_a_file_that_a_policy_imports_is_one_trouble_of_all_that_import_it(held: Deployment, tmp_path: Path) -> None:
    pager, company = Pager(), tmp_path / "company.yaml"
    teams = [tmp_path / "nlp.yaml", tmp_path / "vision.yaml"]
    company.write_text(BROKEN)
    for team in teams:
        team.write_text("format: 1\nname: team\nimport: company.yaml\n")
        held.fails(team.stem, [pager], PolicyError, policy=team)
    assert told(pager) == [("OPEN", "company.yaml")]
    company.write_text(POLICY)
    teams[0].write_text(BROKEN)
    held.tick("vision", [pager], policy=teams[1])
    held.fails("nlp", [pager], PolicyError, policy=teams[0])
    assert sorted(told(pager)[1:]) == [("OPEN", "nlp.yaml"), ("RESOLVE", "company.yaml")]


def test_a_link_that_leads_elsewhere_after_each_change_is_the_same_file(held: Deployment, tmp_path: Path) -> None:
    """As ConfigMaps of Kubernetes are mounted."""
    pager, link = Pager(), tmp_path / "policy.yaml"
    for version in ("one", "two"):
        (tmp_path / version).write_text(BROKEN)
        link.unlink(missing_ok=True)
        link.symlink_to(version)
        held.fails("training", [pager], PolicyError, policy=link)
    assert told(pager) == [("OPEN", "policy.yaml")]


def test_a_tick_that_failed_by_the_one_says_nothing_of_the_other(held: Deployment, tmp_path: Path) -> None:
    pager, file = Pager(), tmp_path / "rules.yaml"
    file.write_text(BROKEN)
    held.fails("training", [pager], PolicyError, policy=file)
    held.lose()
    held.fails("training", [pager], LedgerError, policy=file)
    file.write_text(POLICY)
    held.at += FORGOTTEN - timedelta(minutes=1)
    held.fails("training", [pager], LedgerError, policy=file)
    held.at += timedelta(minutes=2)
    held.tick("serving", [pager], tmp_path / "another")
    assert pager.told == ["OPEN", "OPEN"], "training ticks, and has not come to its rules again"
    held.find()
    file.write_text(BROKEN)
    held.fails("training", [pager], PolicyError, policy=file)
    assert pager.told == ["OPEN", "OPEN"], "whether the ledger can be written is not known either"
    file.write_text(POLICY)
    held.tick("training", [pager], policy=file)
    assert sorted((a.event, a.rule) for a in pager.alerts[2:]) == [
        ("RESOLVE", "ledger-unreachable"),
        ("RESOLVE", "rules-unreadable"),
    ]


def test_a_sensor_that_is_not_told_where_its_ledger_is_pages(held: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("LINEAGE_GUARD_LEDGER", "DAGSTER_HOME"):
        monkeypatch.delenv(variable, raising=False)
    pager = Pager()
    for location in ("training", "serving"):
        held.fails(location, [pager], ConfigError, ledger=None)
    assert [a.cause for a in about_rules(pager)] == ["rules:training", "rules:serving"]
    assert "no place for the ledger is set" in pager.alerts[0].message
    held.tick("training", [pager])
    assert told(pager)[2:] == [("RESOLVE", "rules:training")]


def test_waivers_that_cannot_be_read_are_told_by_the_verdicts_and_not_twice(held: Deployment, tmp_path: Path) -> None:
    @dg.asset(tags=training())
    def student() -> None: ...

    pager, file = Pager(), tmp_path / "waivers.yaml"
    held.assets = [student]
    guard(held.assets, ledger=str(held.place))
    file.write_text("format: 1\nwaivers: [\n")
    for _ in range(2):
        held.tick("training", [pager], waivers=file)
    assert [(a.event, a.kind, a.rule) for a in pager.alerts] == [("OPEN", "BLIND", "guard-cannot-see")]
    assert f"{file}:3:1: not valid YAML" in pager.alerts[0].message
