"""Our dictionaries and openlineage-python's classes: the same JSON, in both directions."""

import json
import subprocess
import sys
from typing import Any

import attr
import pytest
from hypothesis import given
from openlineage.client import event_v2 as ol
from openlineage.client import facet_v2
from openlineage.client.serde import Serde
from openlineage_examples import ENGINE, PRODUCER, all_runs, blocked_run, synthetic_run
from openlineage_strategies import asset_runs

from lineage_guard.domain.errors import EventError
from lineage_guard.domain.facts import Completeness
from lineage_guard.domain.verdict.runs import AssetRun, RunState
from lineage_guard.openlineage import classes
from lineage_guard.openlineage.decode import decode
from lineage_guard.openlineage.delivery.rebuild import rebuild
from lineage_guard.openlineage.encode import canonical, event_of
from lineage_guard.openlineage.facets import OWN, SCHEMA_URLS, installed_version
from lineage_guard.openlineage.validate import schemas, validate


@given(asset_runs)
def test_the_clients_objects_hold_every_event_whole(run: AssetRun) -> None:
    event = event_of(run)
    before = canonical(event)
    built = rebuild(event)
    assert json.loads(Serde.to_json(built)) == json.loads(before)
    assert canonical(event) == before


def standard_classes() -> dict[str, type[Any]]:
    found: dict[str, type[Any]] = {}
    for module in vars(facet_v2).values():
        for cls in vars(module).values() if hasattr(module, "__name__") else ():
            if isinstance(cls, type) and attr.has(cls) and hasattr(cls, "_get_schema"):
                found[cls._get_schema()] = cls
    return found


def test_our_schema_urls_are_those_of_the_installed_client() -> None:
    """A newer client with newer facets is a reason to look, not to fail silently."""
    theirs = {url.split("#/$defs/")[1]: url for url in standard_classes()}
    for url in SCHEMA_URLS.values():
        if not url.startswith(OWN):
            assert theirs[url.split("#/$defs/")[1]] == url


@pytest.mark.parametrize("run", all_runs(), ids=lambda run: f"{run.job_name}-{run.state}")
def test_each_standard_facet_is_what_its_class_writes(run: AssetRun) -> None:
    classes = standard_classes()
    event = event_of(run)
    for entry in (event["run"], event["job"], *event["inputs"], *event["outputs"]):
        for group in ("facets", "inputFacets", "outputFacets"):
            for facet in entry.get(group, {}).values():
                if not facet["_schemaURL"].startswith(OWN):
                    fields = {k: v for k, v in facet.items() if not k.startswith("_")}
                    built = classes[facet["_schemaURL"]](**fields, producer=facet["_producer"])
                    written = {k: v for k, v in Serde.to_dict(built).items() if v not in ([], {})}
                    assert written == facet


def test_a_started_run_equals_one_built_from_the_clients_classes_alone() -> None:
    mine = event_of(synthetic_run(RunState.START), producer=PRODUCER, engine_version=ENGINE)
    by = {"producer": PRODUCER}
    f = facet_v2
    own = {key: facet for key, facet in mine["run"]["facets"].items() if key.startswith("lineageGuard_")}
    gpt, qwen = mine["inputs"][1:]
    theirs = ol.RunEvent(
        eventTime="2026-11-01T08:30:00.000000Z",
        producer=PRODUCER,
        eventType=ol.RunState.START,
        run=ol.Run(
            runId=mine["run"]["runId"],
            facets={
                "processing_engine": f.processing_engine_run.ProcessingEngineRunFacet(
                    ENGINE, "dagster", installed_version("lineage-guard"), **by
                ),
                "parent": f.parent_run.ParentRunFacet(
                    f.parent_run.Run("3f1c2a9e-5f0c-4a55-9a5e-0d3a35a6a7b1", facets=None),
                    f.parent_run.Job("default", "nightly", facets=None),
                    **by,
                ),
                "nominalTime": f.nominal_time_run.NominalTimeRunFacet(
                    "2026-11-01T00:00:00.000000Z", "2026-11-02T00:00:00.000000Z", **by
                ),
                **own,
            },
        ),
        job=ol.Job(
            "default",
            "synthetic/de",
            facets={
                "jobType": f.job_type_job.JobTypeJobFacet("BATCH", "DAGSTER", "ASSET", **by),
                "ownership": f.ownership_job.OwnershipJobFacet(
                    [f.ownership_job.Owner("team:data"), f.ownership_job.Owner("ana@example.com")], **by
                ),
                "documentation": f.documentation_job.DocumentationJobFacet("German support dialogues.", **by),
            },
        ),
        inputs=[
            ol.InputDataset(
                "default",
                "seeds",
                inputFacets={"lineageGuard_pins": mine["inputs"][0]["inputFacets"]["lineageGuard_pins"]},
                facets={
                    "version": f.dataset_version_dataset.DatasetVersionDatasetFacet(
                        "019b76da-a800-7503-85d6-56f485aac301", **by
                    )
                },
            ),
            ol.InputDataset(
                "openai",
                "gpt-4o-2024-08-06",
                inputFacets=None,
                facets={
                    "datasetType": f.dataset_type_dataset.DatasetTypeDatasetFacet("MODEL", **by),
                    "lineageGuard_license": gpt["facets"]["lineageGuard_license"],
                },
            ),
            ol.InputDataset(
                "huggingface",
                "Qwen/Qwen2.5-7B-Instruct",
                inputFacets=None,
                facets={"datasetType": f.dataset_type_dataset.DatasetTypeDatasetFacet("MODEL", **by)},
            ),
        ],
        outputs=[ol.OutputDataset("default", "synthetic/de", outputFacets=None, facets=None)],
    )
    assert qwen["name"] == "Qwen/Qwen2.5-7B-Instruct"
    assert json.loads(Serde.to_json(theirs)) == mine


def test_transports_that_look_into_events_find_what_they_look_for() -> None:
    built: Any = rebuild(event_of(blocked_run()))
    assert isinstance(built, ol.RunEvent)
    assert built.eventType is ol.RunState.FAIL
    assert built.run.facets["parent"].job.name == "nightly"
    assert built.job.facets["jobType"].integration == "DAGSTER"


@pytest.mark.parametrize("kind", ["run", "job", "dataset"])
def test_foreign_events_pass_through_whole(kind: str) -> None:
    head = {
        "eventTime": "2026-11-01T10:00:00+01:00",
        "producer": "https://example.com",
        "schemaURL": "https://openlineage.io/spec/1-0-5/OpenLineage.json#/definitions/RunEvent",
        "vendorField": {"a": [1, 2]},
    }
    job = {"job": {"namespace": "n", "name": "j", "facets": {"x": {"y": 1}}, "vendor": True}}
    sides = {"inputs": [{"namespace": "n", "name": "a", "extra": "kept"}], "outputs": []}
    parent = {"run": {"runId": "f69a6e9b-9bac-3c9a-9cf6-eacb70ecc9a9"}, "job": {"namespace": "n", "name": "p"}}
    parent |= {"root": {"run": parent["run"], "job": parent["job"]}, "_producer": "x", "_schemaURL": "y", "more": 1}
    run = {"run": {"runId": "f69a6e9b-9bac-3c9a-9cf6-eacb70ecc9a9", "facets": {"parent": parent}}}
    event: dict[str, Any] = {
        "run": head | run | job | sides | {"eventType": "OTHER"},
        "job": head | job | sides,
        "dataset": head | {"dataset": {"namespace": "n", "name": "d", "facets": {"z": {"k": []}}}},
    }[kind]
    assert json.loads(Serde.to_json(rebuild(event))) == event


@pytest.mark.parametrize("event", [{}, {"run": {}}, {"dataset": 1}, {"job": {"namespace": "n"}}])
def test_what_is_no_event_is_refused(event: dict[str, Any]) -> None:
    with pytest.raises(EventError):
        rebuild(event)


def test_writing_and_reading_events_needs_neither_client_nor_network() -> None:
    code = (
        "import sys, lineage_guard.openlineage.encode, lineage_guard.openlineage.decode, "
        "lineage_guard.openlineage.deliver; "
        "print([m for m in ('openlineage', 'requests', 'attr', 'jsonschema', 'tenacity', 'dagster', 'duckdb') "
        "if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("cls", [getattr(classes, name) for name in dir(classes) if name.startswith("LineageGuard")])
def test_our_classes_have_every_field_of_their_schema(cls: type[Any]) -> None:
    """A facet class without ``@attr.define`` loses its fields without a word."""
    uri, _, name = cls._get_schema().partition("#/$defs/")
    properties = schemas()[uri]["$defs"][name]["allOf"][1]["properties"]
    assert name == cls.__name__
    built = cls(**{key: f"value of {key}" for key in properties}, producer=PRODUCER)
    written = Serde.to_dict(built)
    assert written == {key: f"value of {key}" for key in properties} | {
        "_producer": PRODUCER,
        "_schemaURL": cls._get_schema(),
    }


def test_a_job_of_ones_own_can_emit_our_facets() -> None:
    production = synthetic_run().production
    output = ol.OutputDataset(
        "s3://lake",
        "synthetic",
        facets={
            "lineageGuard_modelSource": classes.LineageGuardModelSourceDatasetFacet.of(production.models),
            "lineageGuard_license": classes.LineageGuardLicenseDatasetFacet.of(production.licenses),
        },
    )
    event = ol.RunEvent(
        eventTime="2026-11-01T00:00:00Z",
        producer=PRODUCER,
        eventType=ol.RunState.COMPLETE,
        run=ol.Run("f69a6e9b-9bac-3c9a-9cf6-eacb70ecc9a9"),
        job=ol.Job("spark", "generate"),
        outputs=[output],
    )
    written = Serde.to_dict(event)
    assert validate(written, strict=True) == []
    [read] = decode(written).productions
    assert (read.models, read.licenses) == (production.models, production.licenses)
    assert read.completeness is Completeness.COMPLETE
