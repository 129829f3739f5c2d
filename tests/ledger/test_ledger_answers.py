"""What a ledger answers, from the index, from the tail and from both."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import histories
import pytest

from lineage_guard.domain.errors import EventError, LedgerError
from lineage_guard.domain.facts import Input, Production, Version
from lineage_guard.domain.verdict.evidence import Evidence, FailedExpectation
from lineage_guard.ledger import ANY, Ledger, open_ledger

START = histories.START


@pytest.fixture(params=["tail", "index", "both"])
def filled(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Ledger, list[Production]]:
    """A ledger of 40 productions, uncompacted, compacted, or half of each."""
    made = histories.layered(40)
    events = histories.history(made)
    ledger = open_ledger(tmp_path)
    ledger.append(events[:20])
    if request.param == "both":
        ledger.compact()
    ledger.append(events[20:])
    if request.param == "index":
        ledger.compact()
    return open_ledger(tmp_path), made


def test_an_empty_ledger_answers(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path / "none")
    target = Production((Version("d", "s"),), inputs=(Input(Version("d", "x")),))
    assert [r.recorded for r in ledger.closure(target).reached] == [True, False]
    assert ledger.productions([Version("d", "x")]) == {}
    assert ledger.latest("d", "x") == ()
    assert ledger.position("s") == -1
    assert ledger.decisions("d", "x") == []
    assert list(ledger.events()) == []
    assert ledger.check(full=True).batches == 0
    assert not (tmp_path / "none").exists()


def test_events_held_already_are_dropped(filled: tuple[Ledger, list[Production]]) -> None:
    ledger, made = filled
    before = ledger.watermark()
    appended = ledger.append(histories.history(made))
    assert (appended.new, appended.held, appended.watermark) == (0, 40, before)
    more = histories.simple(99)
    appended = ledger.append([more, histories.history(made)[3], more])
    assert (appended.new, appended.held) == (1, 2)
    assert ledger.watermark() == appended.watermark != before


def test_latest_is_the_newest_of_each_partition(filled: tuple[Ledger, list[Production]]) -> None:
    ledger, made = filled
    for n in range(20):
        versions = [p.outputs[0] for p in made if p.outputs[0].name == f"table{n}"]
        newest = {v.partition: v for v in versions}  # the history is in time order
        assert set(ledger.latest("default", f"table{n}", ANY)) == set(newest.values())
        for partition, version in newest.items():
            assert ledger.latest("default", f"table{n}", partition) == (version,)
        assert ledger.latest("default", f"table{n}", "fr") == ()


def test_latest_goes_by_time_of_production_not_of_arrival(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    old, new = (Version("d", "t", None, histories.run_uuid(n)) for n in (1, 2))
    ledger.append([histories.event(2, Production((new,), produced_at=START + timedelta(days=2)))])
    ledger.compact()
    ledger.append([histories.event(1, Production((old,), produced_at=START + timedelta(days=1)))])
    assert ledger.latest("d", "t") == (new,)


def test_position_is_the_greatest_of_its_source(filled: tuple[Ledger, list[Production]]) -> None:
    ledger, _ = filled
    assert ledger.position("dagster:test") == 39
    assert ledger.position("dagster:other") == -1
    ledger.append([histories.event(7, histories.layered(1)[0], source="dagster:other")])
    assert ledger.position("dagster:other") == 7


def test_events_resume_where_they_stopped(filled: tuple[Ledger, list[Production]]) -> None:
    ledger, made = filled
    everything = list(ledger.events())
    assert [e for _, e in everything] == histories.history(made)
    for n in (0, 19, 20, 38, 39):
        assert list(ledger.events(everything[n][0])) == everything[n + 1 :]
    with pytest.raises(LedgerError, match="not a position"):
        next(ledger.events("yesterday"))


def decision_event(n: int, decision: str) -> dict[str, object]:
    event = histories.simple(n)
    event["eventType"] = "FAIL"
    event["run"]["facets"]["lineageGuard_decision"] = {
        "_producer": "https://example.com/guard",
        "_schemaURL": "https://example.com/decision.json#/$defs/LineageGuardDecisionRunFacet",
        "decision": decision,
        "n": n,
    }
    event["outputs"][0]["name"] = "student"
    return event


def test_decisions_come_newest_first_under_dataset_and_job(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.append([decision_event(n, "BLOCK") for n in (0, 7, 14)])
    ledger.compact()
    ledger.append([decision_event(n, "ALLOW") for n in (21, 28)])
    for place in (("default", "student"), ("default", "job0")):
        found = open_ledger(tmp_path).decisions(*place, limit=4)
        assert [d["n"] for d in found] == [28, 21, 14, 7]
        assert found[0]["decision"] == "ALLOW"
        assert found[0]["runId"] == histories.run_uuid(28)
        assert found[0]["eventTime"] == (START + timedelta(seconds=28)).isoformat()
    assert ledger.productions([Version("default", "student", None, histories.run_uuid(0))]) == {}


def test_a_batch_with_an_event_nobody_understands_is_refused_whole(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    with pytest.raises(EventError):
        ledger.append([histories.simple(1), {"eventTime": "2026-01-01T00:00:00Z", "producer": "x"}])
    for odd in (float("nan"), float("inf"), "\ud800", object(), {1: 2}):
        with pytest.raises(EventError, match="not JSON"):
            ledger.append([{**histories.simple(1), "x": [odd, None]}])
    assert list(ledger.events()) == []


def test_evidence_comes_back_and_a_rerun_replaces_it(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    failed = Evidence(
        "rows", "sha256:1", "sha256:2", "sha256:3", False, 2, 2, START, (FailedExpectation("expect_x", "c", 3, "d"),)
    )
    ledger.put_evidence(failed)
    assert open_ledger(tmp_path).evidence(failed.key) == failed
    passed = Evidence("rows", "sha256:1", "sha256:2", "sha256:3", True, 2, 2, START)
    ledger.put_evidence(passed)
    assert open_ledger(tmp_path).evidence(failed.key) == passed
    assert ledger.evidence("sha256:none") is None


def test_evidence_filed_under_another_key_is_refused(tmp_path: Path) -> None:
    """A passing result copied over a failing one must not open the gate."""
    ledger = open_ledger(tmp_path)
    passed = Evidence("rows", "sha256:1", "sha256:2", "sha256:3", True, 2, 2, START)
    ledger.put_evidence(passed)
    (file,) = (tmp_path / "evidence").iterdir()
    file.rename(tmp_path / "evidence" / "other.json")
    with pytest.raises(LedgerError, match="another key"):
        ledger.evidence("sha256:other")


def test_states_are_kept_by_name(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    assert ledger.load("delivery/../marquez") is None
    ledger.store("delivery/../marquez", {"position": "3:1"})
    ledger.store("incidents", {"open": []})
    assert open_ledger(tmp_path).load("delivery/../marquez") == {"position": "3:1"}
    assert sorted(p.parent.name for p in tmp_path.rglob("*.json")) == ["state", "state"]
    (tmp_path / "state" / "incidents.json").write_text("[")
    with pytest.raises(LedgerError, match=r"incidents\.json"):
        ledger.load("incidents")


def test_a_file_url_names_the_same_ledger(tmp_path: Path) -> None:
    open_ledger(tmp_path / "a b").append([histories.simple(1)])
    assert len(list(open_ledger((tmp_path / "a b").as_uri()).events())) == 1
    with pytest.raises(LedgerError, match="ftp://"):
        open_ledger("ftp://host/ledger")


def test_compaction_keeps_parts_few_and_files_bounded(tmp_path: Path) -> None:
    """The cost of reading grows with the logarithm of the number of compactions, old files go."""
    ledger = open_ledger(tmp_path)
    for n in range(18):
        ledger.append([histories.simple(n)])
        assert ledger.compact()
    checked = ledger.check(full=True)
    assert checked.parts <= 3
    assert checked.tail == 0
    assert len(list((tmp_path / "index" / "manifests").iterdir())) <= 10
    assert len(list((tmp_path / "index" / "parts").iterdir())) <= 10 * 8 * 3


def test_a_reader_whose_files_were_superseded_takes_up_the_newer_index(tmp_path: Path) -> None:
    made = histories.layered(22)
    events = histories.history(made)
    writer = open_ledger(tmp_path)
    writer.append(events[:10])
    writer.compact()
    reader = open_ledger(tmp_path)
    reader.watermark()
    for n in range(10, 22):
        writer.append(events[n : n + 1])
        writer.compact()
    target = Production((Version("d", "s"),), inputs=(Input(made[5].outputs[0]),))
    assert reader.closure(target) == writer.closure(target)


def test_compaction_waits_for_enough(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.append([histories.simple(1)])
    assert ledger.compact(at_least=2)
    assert ledger.check().tail == 1
    ledger.append([histories.simple(2)])
    assert ledger.compact(at_least=2)
    assert ledger.check().tail == 0


def test_import_and_open_load_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys; from lineage_guard.ledger import open_ledger; open_ledger(sys.argv[1]).watermark();"
        "import json; print(json.dumps([m for m in "
        "('duckdb', 'numpy', 'pyarrow', 'pandas', 'boto3', 'great_expectations', 'dagster') if m in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert json.loads(done.stdout) == []
