"""What the events say to anybody who reads OpenLineage."""

from dataclasses import replace
from typing import Any

import pytest
from openlineage_examples import DAGSTER_RUN, GPT, PRODUCER, QWEN, all_runs, blocked_run, synthetic_run

from lineage_guard.domain.errors import EventError
from lineage_guard.domain.facts import Input, Production, Version
from lineage_guard.domain.verdict.runs import AssetRun, ParentRun, RunState
from lineage_guard.openlineage.datasets import model_node
from lineage_guard.openlineage.decode import decode
from lineage_guard.openlineage.encode import canonical, event_of


def inputs(event: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(i["namespace"], i["name"]): i for i in event["inputs"]}


def test_teacher_models_are_input_nodes_with_their_terms() -> None:
    found = inputs(event_of(synthetic_run()))
    assert list(found) == [
        ("default", "seeds"),
        ("openai", "gpt-4o-2024-08-06"),
        ("huggingface", "Qwen/Qwen2.5-7B-Instruct"),
    ]
    gpt = found[model_node(GPT)]["facets"]
    assert gpt["datasetType"]["datasetType"] == "MODEL"
    assert gpt["lineageGuard_license"]["licenses"][0]["expression"] == "LicenseRef-OpenAI-Services-Agreement"
    assert "lineageGuard_license" not in found[model_node(QWEN)]["facets"]
    assert "datasetType" not in found["default", "seeds"]["facets"]


@pytest.mark.parametrize("state", [s for s in RunState if s is not RunState.COMPLETE])
def test_only_complete_carries_dataset_facets(state: RunState) -> None:
    event = event_of(synthetic_run(state))
    assert event["outputs"] == [{"namespace": "default", "name": "synthetic/de"}]
    assert decode(event).productions == ()


def test_complete_mirrors_the_headline_into_standard_facets() -> None:
    output = event_of(synthetic_run())["outputs"][0]
    facets = output["facets"]
    tags = {t["key"]: t["value"] for t in facets["tags"]["tags"]}
    assert tags["lineage-guard.models"].startswith("openai/gpt-4o-2024-08-06 via api.openai.com, alibaba/")
    assert tags["lineage-guard.provenance"] == "COMPLETE"
    assert tags["domain"] == "support"
    assert [f["name"] for f in facets["schema"]["fields"]] == ["prompt", "response"]
    assert facets["columnLineage"]["fields"]["prompt"]["inputFields"][0]["name"] == "seeds"
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 1200
    condition = output["outputFacets"]["subset"]["outputCondition"]
    assert condition["partitions"][0]["identifier"] == "2026-11-01"
    assert "lifecycleStateChange" not in facets


def test_a_blocked_run_paints_the_input_that_brought_the_trouble() -> None:
    event = event_of(blocked_run())
    found = inputs(event)
    [bad] = found["default", "synthetic/de"]["inputFacets"]["dataQualityAssertions"]["assertions"]
    [good] = found["default", "seeds"]["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert (bad["assertion"], bad["success"]) == ("lineage-guard/restricted-commercial-model", False)
    assert good["success"] is True
    assert event["run"]["facets"]["test"]["tests"][0]["status"] == "fail"
    assert event["run"]["facets"]["errorMessage"]["message"].startswith("Lineage Guard")


def test_a_step_that_uses_a_restricted_model_itself_paints_the_model() -> None:
    run = blocked_run()
    assert run.verdict is not None
    finding = replace(run.verdict.findings[0], subject=run.verdict.target, path=(run.verdict.target,))
    run = replace(
        run,
        production=replace(run.production, models=(GPT,)),
        verdict=replace(run.verdict, findings=(finding,)),
    )
    assertions = inputs(event_of(run))[model_node(GPT)]["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert [a["success"] for a in assertions] == [False]


def test_one_dataset_read_in_many_versions_is_one_input_with_all_pins() -> None:
    versions = [Version("d", "raw", key, "r") for key in ("a", "b")]
    edges = (Input(versions[0]), Input(Version("d", "other")), Input(versions[1]))
    run = replace(synthetic_run(), production=replace(synthetic_run().production, inputs=edges, models=()))
    event = event_of(run)
    assert [i["name"] for i in event["inputs"]] == ["raw", "other"]
    pins = event["inputs"][0]["inputFacets"]["lineageGuard_pins"]["pins"]
    assert [(p["partition"], p["position"]) for p in pins] == [("a", 0), ("b", 2)]
    assert decode(event).productions[0].inputs == edges


def test_very_many_partitions_are_pinned_but_not_mirrored() -> None:
    edges = tuple(Input(Version("d", "raw", str(n), "r")) for n in range(1001))
    run = replace(synthetic_run(), production=replace(synthetic_run().production, inputs=edges, models=()))
    event = event_of(run)
    assert list(event["inputs"][0]["inputFacets"]) == ["lineageGuard_pins"]
    assert decode(event).productions[0].inputs == edges


def test_a_model_that_is_also_read_as_data_is_one_node_and_both() -> None:
    place = Version(*model_node(QWEN), None, "r")
    run = replace(synthetic_run(), production=replace(synthetic_run().production, inputs=(Input(place),)))
    event = event_of(run)
    assert len(event["inputs"]) == 2
    assert decode(event).productions == (run.production,)


def test_the_orchestrators_run_is_the_parent() -> None:
    assert event_of(synthetic_run())["run"]["facets"]["parent"]["run"]["runId"] == DAGSTER_RUN
    odd = event_of(replace(synthetic_run(), parent=ParentRun("run one", "default", "nightly")))
    assert odd["run"]["facets"]["parent"]["run"]["runId"] != "run one"
    assert decode(odd).parent_run_id == "run one"


def test_what_could_not_be_read_back_is_refused() -> None:
    run = synthetic_run()
    with pytest.raises(EventError, match="no UUID"):
        event_of(replace(run, run_id="7"))
    with pytest.raises(EventError, match="without outputs"):
        event_of(replace(run, production=Production(())))
    with pytest.raises(EventError, match="names no offset"):
        event_of(replace(run, at=run.at.replace(tzinfo=None)))


@pytest.mark.parametrize("run", all_runs(), ids=lambda run: f"{run.job_name}-{run.state}")
def test_producer_and_engine_can_be_named(run: AssetRun) -> None:
    event = event_of(run, producer=PRODUCER, engine_version="1.13.27")
    assert event["producer"] == PRODUCER
    engine = event["run"]["facets"]["processing_engine"]
    assert (engine["name"], engine["version"], engine["_producer"]) == ("dagster", "1.13.27", PRODUCER)


def test_canonical_bytes_keep_what_is_not_text() -> None:
    import json

    event = {"message": "bad byte \udc80 in é", "a": [1, None, True]}
    assert canonical(event).startswith(b'{"a":[1,null,true],"message":')
    assert json.loads(canonical(event)) == event
