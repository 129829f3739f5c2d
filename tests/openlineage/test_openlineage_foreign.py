"""Events of other producers: what they say is read, what they do not say is not made up."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openlineage_examples import synthetic_run

from lineage_guard.domain.errors import EventError
from lineage_guard.domain.facts import Assertion, Completeness, Influence, Input, ModelSource, Pin, Version
from lineage_guard.openlineage.decode import Decoded, decode
from lineage_guard.openlineage.encode import event_of

RUN = "f69a6e9b-9bac-3c9a-9cf6-eacb70ecc9a9"
MODEL = {
    "datasetType": {
        "_producer": "https://example.com",
        "_schemaURL": "https://openlineage.io/spec/facets/1-0-1/DatasetTypeDatasetFacet.json"
        "#/$defs/DatasetTypeDatasetFacet",
        "datasetType": "MODEL",
    }
}


def spark(**changes: Any) -> dict[str, Any]:
    return {
        "eventType": "COMPLETE",
        "eventTime": "2026-11-01T10:54:22.355067123+02:00",
        "producer": "https://github.com/OpenLineage/OpenLineage/tree/1.40.0/integration/spark",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": RUN.upper()},
        "job": {"namespace": "spark", "name": "curate"},
        "inputs": [{"namespace": "s3://lake", "name": "raw"}],
        "outputs": [{"namespace": "s3://lake", "name": "curated"}],
    } | changes


def test_a_foreign_run_gives_an_edge_to_a_version_nobody_knows() -> None:
    decoded = decode(spark())
    [production] = decoded.productions
    assert production.outputs == (Version("s3://lake", "curated", None, RUN),)
    assert production.inputs == (Input(Version("s3://lake", "raw"), Influence.DIRECT, Pin.CONSERVATIVE),)
    assert production.completeness is Completeness.COMPLETE
    assert production.asserted_by is Assertion.OBSERVED
    assert production.note == "read without a version: s3://lake:raw"
    assert decoded.at.isoformat() == "2026-11-01T08:54:22.355067+00:00"
    assert production.produced_at == decoded.at


def test_a_foreign_run_without_inputs_is_not_clean() -> None:
    for nothing in ([], None):
        [production] = decode(spark(inputs=nothing)).productions
        assert production.completeness is Completeness.UNKNOWN
        assert "lists no inputs" in (production.note or "")


def test_a_foreign_model_input_is_a_model_use() -> None:
    inputs = [{"namespace": "openai", "name": "gpt-4o", "facets": MODEL}]
    [production] = decode(spark(inputs=inputs)).productions
    assert production.models == (ModelSource("openai", "gpt-4o"),)
    assert production.inputs == ()
    assert production.completeness is Completeness.COMPLETE


@pytest.mark.parametrize("namespace", ["s3://models", "spark"])
def test_a_model_of_ones_own_stays_data_with_ancestors(namespace: str) -> None:
    inputs = [{"namespace": namespace, "name": "student", "facets": MODEL}]
    [production] = decode(spark(inputs=inputs)).productions
    assert production.models == ()
    assert production.inputs[0].version == Version(namespace, "student")


@pytest.mark.parametrize("state", ["START", "RUNNING", "FAIL", "ABORT", "OTHER", None])
def test_only_complete_runs_made_something(state: str | None) -> None:
    decoded = decode(spark(eventType=state))
    assert decoded.productions == ()
    assert (decoded.state.value if decoded.state else None) == (None if state == "OTHER" else state)


def test_our_facets_count_on_a_foreign_event() -> None:
    """Dagster's own emitter, with our facets added by a transformer: each output has its own."""
    ours = event_of(synthetic_run())
    outputs = [
        {"namespace": "d", "name": "made", "facets": ours["outputs"][0]["facets"]},
        {"namespace": "d", "name": "plain"},
    ]
    event = spark(inputs=ours["inputs"], outputs=outputs)
    made, plain = decode(event).productions
    assert made.outputs == (Version("d", "made", None, RUN),)
    assert made.models == synthetic_run().production.models
    assert made.licenses == synthetic_run().production.licenses
    assert plain.models == made.models, "a sibling's facet does not clear an output that says nothing"
    assert plain.inputs == made.inputs == synthetic_run().production.inputs


def test_a_deleted_facet_says_nothing() -> None:
    ours = event_of(synthetic_run())
    ours["outputs"][0]["facets"]["lineageGuard_modelSource"] = {
        "_producer": "https://example.com",
        "_schemaURL": "https://example.com",
        "_deleted": True,
    }
    [production] = decode(ours).productions
    assert set(production.models) == {
        ModelSource("openai", "gpt-4o-2024-08-06"),
        ModelSource("huggingface", "Qwen/Qwen2.5-7B-Instruct"),
    }


def test_job_events_declare_edges() -> None:
    event = spark()
    for key in ("run", "eventType"):
        del event[key]
    decoded = decode(event)
    assert (decoded.kind, decoded.run_id, decoded.job) == ("job", None, ("spark", "curate"))
    [production] = decoded.productions
    assert production.outputs == (Version("s3://lake", "curated"),)
    assert production.asserted_by is Assertion.DECLARED


def dataset_event(facets: dict[str, Any]) -> Decoded:
    return decode(
        {
            "eventTime": "2026-11-01T00:00:00Z",
            "producer": "https://example.com",
            "dataset": {"namespace": "d", "name": "t", "facets": facets},
        }
    )


def test_dataset_events_count_when_they_carry_our_facets() -> None:
    facets = event_of(synthetic_run())["outputs"][0]["facets"]
    assert dataset_event({}).productions == ()
    [whole] = dataset_event(facets).productions
    assert whole.outputs == (Version("d", "t"),)
    assert whole.models == synthetic_run().production.models
    [licence] = dataset_event({"lineageGuard_license": facets["lineageGuard_license"]}).productions
    assert licence.completeness is Completeness.UNKNOWN


@pytest.mark.parametrize(
    ("event", "where"),
    [
        ({}, "event.run"),
        ([], "event"),
        (spark(run={"runId": "7"}), "event.run.runId"),
        (spark(run={}), "event.run.runId"),
        (spark(eventTime="yesterday"), "event.eventTime"),
        (spark(eventTime=None), "event.eventTime"),
        (spark(eventType="DONE"), "event.eventType"),
        (spark(job={"name": "j"}), "event.job.namespace"),
        (spark(inputs={"a": 1}), "event.inputs"),
        (spark(inputs=[{"namespace": "d"}]), "event.inputs[0].name"),
        (spark(outputs=["t"]), "event.outputs[0]"),
        (spark(outputs=[{"namespace": "d", "name": "t", "facets": []}]), "event.outputs[0].facets"),
    ],
)
def test_what_cannot_be_understood_names_the_place(event: Any, where: str) -> None:
    with pytest.raises(EventError) as caught:
        decode(event)
    assert caught.value.where == where
    assert caught.value.fix


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.data())
def test_any_damage_is_either_read_or_refused_with_a_reason(data: st.DataObject) -> None:
    """A receiver sees anything; the ledger must be able to put it aside with a reason."""
    event: Any = event_of(synthetic_run())
    at = event
    while True:
        key = data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        deeper = isinstance(at[key], dict | list) and at[key]
        if deeper and data.draw(st.booleans()):
            at = at[key]
            continue
        at[key] = data.draw(anything)
        break
    reason = None
    try:
        decode(event)
    except EventError as error:
        reason = error
    assert reason is None or (reason.where and reason.fix)
