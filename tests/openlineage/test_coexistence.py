"""dagster-openlineage, really installed and running, beside us: one story in the ledger and at any backend."""

import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import dagster_openlineage.sensor
import pytest
from asgi_server import running
from dagster_openlineage import OpenLineageAdapter, openlineage_sensor
from http_server import answering

from lineage_guard import ModelSource, guard, synthetic_asset, training
from lineage_guard.dagster.collect.collect import collect
from lineage_guard.ledger import Ledger
from lineage_guard.openlineage.deliver import drain
from lineage_guard.openlineage.validate import validate
from lineage_guard.web.receiver import receiver

RESTRICTED = ModelSource(provider="openai", model="gpt-4o-2024-08-06", channel="api.openai.com")
PERMITTED = ModelSource(provider="deepseek", model="deepseek-r1", channel="self-hosted")
TRANSFORMER = "lineage_guard.dagster.transformer.LineageGuardTransformer"
INNER = {"module": "dagster._core.storage.event_log", "class": "ConsolidatedSqliteEventLogStorage"}


@dataclass
class Backend:
    """Speaks the ingest protocol as Marquez does, and keeps what it was sent."""

    url: str = ""
    heard: list[Any] = field(default_factory=list)


@pytest.fixture
def backend() -> Iterator[Backend]:
    it = Backend()

    def keep(sent: bytes) -> int:
        it.heard.append(json.loads(sent))
        return 201

    with answering(keep) as it.url:
        yield it


@pytest.fixture
def receiving(ledger: Ledger) -> Iterator[str]:
    """Our own receiver: what is sent there is in the very ledger that the gate reads."""
    with running(receiver(ledger)) as address:
        yield address


def send_to(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, transformed: bool = True) -> dict[str, Any]:
    """Configure openlineage-python as a deployment does, through its own file."""
    http = {"type": "http", "url": url, "timeout": 10}
    transport = http
    if transformed:
        properties = {"ledger": str(tmp_path / "ledger")}
        transport = {
            "type": "transform",
            "transformer_class": TRANSFORMER,
            "transformer_properties": properties,
            "transport": http,
        }
    config = tmp_path / "openlineage.yml"
    config.write_text(json.dumps({"transport": transport}))
    monkeypatch.setenv("OPENLINEAGE_CONFIG", str(config))
    return transport


@contextmanager
def instance_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, listening: bool) -> Iterator[dg.DagsterInstance]:
    """A real instance; ``listening`` puts dagster-openlineage's storage around its event log."""
    opened: list[dg.DagsterInstance] = []
    home = tmp_path / "dagster"
    home.mkdir()
    config = {"base_dir": str(home / "events")}
    storage: dict[str, Any] = {**INNER, "config": config}
    if listening:
        storage = {
            "module": "dagster_openlineage",
            "class": "OpenLineageEventLogStorage",
            "config": {"wrapped": storage},
        }
    monkeypatch.setattr(dg.DagsterInstance, "get", lambda *_: opened[0])  # as DAGSTER_HOME does for a process
    with dg.DagsterInstance.local_temp(
        str(home), {"telemetry": {"enabled": False}, "event_log_storage": storage}
    ) as instance:
        opened.append(instance)
        yield instance


def deployment(tmp_path: Path, model: ModelSource) -> list[Any]:
    @synthetic_asset(model)
    def synthetic() -> None: ...

    @dg.asset(deps=[synthetic], partitions_def=dg.StaticPartitionsDefinition(["en", "de"]))
    def curated() -> None: ...

    @dg.asset(deps=[curated], tags=training())
    def student() -> None: ...

    return guard([synthetic, curated, student], ledger=tmp_path / "ledger")


def run_all(assets: list[Any], instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    assert dg.materialize(assets, instance=instance, selection=["synthetic"]).success
    for partition in ("en", "de"):
        assert dg.materialize(assets, instance=instance, selection=["curated"], partition_key=partition).success
    return dg.materialize(assets, instance=instance, selection=["student"], raise_on_error=False)


def collected(assets: list[Any], instance: dg.DagsterInstance, ledger: Ledger) -> None:
    graph = dg.Definitions(assets=assets).resolve_asset_graph()
    collect(instance, graph, ledger, namespace="default", now=datetime.now(UTC))


def runs_of(events: list[dict[str, Any]], name: str, *states: str) -> set[str]:
    return {
        e["run"]["runId"] for e in events if e["job"]["name"] == name and e["eventType"] in (states or ("COMPLETE",))
    }


def test_its_listener_and_ours_tell_one_story_at_a_backend(
    tmp_path: Path, backend: Backend, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    transport = send_to(backend.url, tmp_path, monkeypatch)
    with instance_in(tmp_path, monkeypatch, listening=True) as instance:
        assets = deployment(tmp_path, PERMITTED)
        assert run_all(assets, instance).success
        theirs = list(backend.heard)
        collected(assets, instance, ledger)
    assert drain(ledger, transport).error is None
    ours = backend.heard[len(theirs) :]

    for name, runs in (("synthetic", 1), ("curated", 2), ("student", 1)):
        assert len(runs_of(theirs, name)) == runs
        assert runs_of(theirs, name) == runs_of(ours, name), "a backend that keys on run ids sees each run once"
        assert runs_of(theirs, name, "START") <= runs_of(ours, name)
    done = [e for e in theirs if e["eventType"] == "COMPLETE" and e["job"]["name"] == "curated"]
    for event in done:
        validate(event, strict=True)
        [read] = event["inputs"]
        assert (read["namespace"], read["name"]) == ("default", "synthetic")
        [pin] = read["inputFacets"]["lineageGuard_pins"]["pins"]
        assert pin["run"] == next(iter(runs_of(theirs, "synthetic")))
        assert "parent" in event["run"]["facets"]
    [made] = [e for e in theirs if e["eventType"] == "COMPLETE" and e["job"]["name"] == "synthetic"]
    assert [i["name"] for i in made["inputs"]] == ["deepseek-r1"]
    [output] = made["outputs"]
    assert output["facets"]["lineageGuard_modelSource"]["models"][0]["name"] == "deepseek-r1"


@pytest.mark.parametrize(("model", "trains"), [(PERMITTED, True), (RESTRICTED, False)], ids=["clean", "tainted"])
def test_both_into_one_ledger_make_one_production_and_the_same_decision(
    model: ModelSource, trains: bool, tmp_path: Path, receiving: str, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_to(receiving, tmp_path, monkeypatch)
    with instance_in(tmp_path, monkeypatch, listening=True) as instance:
        assets = deployment(tmp_path, model)
        assert run_all(assets, instance).success is trains
        collected(assets, instance, ledger)
        # Once more, now that the ledger has every event of both.
        again = dg.materialize(assets, instance=instance, selection=["student"], raise_on_error=False)
        assert again.success is trains
    producers = defaultdict(set)
    for _, event in ledger.events(None):
        if event.get("eventType") == "COMPLETE" and event["outputs"]:
            producers[event["job"]["name"]].add(event["producer"].rsplit("/", 1)[-1])
    assert "dagster" in producers["synthetic"], "dagster-openlineage wrote too"
    assert len(ledger.latest("default", "synthetic")) == 1
    assert {v.partition for v in ledger.latest("default", "curated")} == {"en", "de"}
    for version in ledger.latest("default", "curated"):
        [(_, made)] = ledger.productions([version]).items()
        assert made.completeness.value == "COMPLETE"
        assert [i.version.name for i in made.inputs] == ["synthetic"]
    decisions = ledger.decisions("default", "student", 10)
    assert {d["decision"] for d in decisions} == ({"ALLOW"} if trains else {"BLOCK"})
    assert {d["closureSize"] for d in decisions} == {3}


def test_its_sensor_is_joined_from_the_ledger(
    tmp_path: Path, backend: Backend, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_to(backend.url, tmp_path, monkeypatch)
    with instance_in(tmp_path, monkeypatch, listening=False) as instance:
        assets = deployment(tmp_path, PERMITTED)
        assert run_all(assets, instance).success
        monkeypatch.setattr(dagster_openlineage.sensor, "_ADAPTER", OpenLineageAdapter())  # made when it was imported
        sensor = openlineage_sensor(include_asset_events=True, record_filter_limit=1000)
        sensor.evaluate_tick(dg.build_sensor_context(instance))
        early = [e for e in backend.heard if e["eventType"] == "COMPLETE"]
        backend.heard.clear()
        collected(assets, instance, ledger)
        sensor.evaluate_tick(dg.build_sensor_context(instance))
        late = [e for e in backend.heard if e["eventType"] == "COMPLETE"]
    for events in (early, late):
        for name in ("synthetic", "curated", "student"):
            assert runs_of(events, name) == {v.run for v in ledger.latest("default", name)}
        assert [i["name"] for e in events if e["job"]["name"] == "curated" for i in e["inputs"]] == ["synthetic"] * 2
    # The gate had collected what the student reads, and nobody yet the student itself.
    [before], [after] = ([e for e in events if e["job"]["name"] == "student"] for events in (early, late))
    assert not before.get("outputs"), "it does not say that something was made of nothing known"
    assert [o["name"] for o in after["outputs"]] == ["student"]
    assert [i["name"] for i in after["inputs"]] == ["curated"]


def test_what_is_not_about_an_asset_passes_untouched_and_so_does_all_when_we_fail(
    tmp_path: Path, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = backend.url
    send_to(url, tmp_path, monkeypatch)
    monkeypatch.setattr("lineage_guard.dagster.transformer.lineage_namespace", lambda _: 1 / 0)
    with instance_in(tmp_path, monkeypatch, listening=True) as instance:
        assets = deployment(tmp_path, PERMITTED)
        result = dg.materialize(assets, instance=instance, selection=["synthetic"])
    theirs = [e for e in backend.heard if e["eventType"] == "COMPLETE"]
    assert result.success
    assert {e["run"]["runId"] for e in theirs} == {result.run_id}
    assert [o["name"] for e in theirs for o in e["outputs"]] == ["synthetic"]
