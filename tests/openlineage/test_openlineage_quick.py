"""Reading lines quickly: the same values as reading them with care, and never an event that care refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import fields
from typing import Any

import pytest
from foreign_examples import change, data, dataset_event, event, facet, model, ran, symlink
from hypothesis import given, settings
from hypothesis import strategies as st
from openlineage_examples import all_runs
from openlineage_strategies import asset_runs

from lineage_guard.domain.errors import EventError
from lineage_guard.domain.facts import License, ModelSource
from lineage_guard.domain.verdict.runs import AssetRun
from lineage_guard.ledger.archive.batch import canonical
from lineage_guard.openlineage.decode import decode
from lineage_guard.openlineage.encode import event_of
from lineage_guard.openlineage.intake import events_in, events_of, parsed, pieces_of
from lineage_guard.openlineage.quick import decode_line, quick, understood
from lineage_guard.openlineage.shapes import LicenseShape, ModelShape

COLUMNS = facet(
    "columnLineage",
    fields={
        "a": {
            "inputFields": [
                {"namespace": "warehouse", "name": "raw", "field": "x", "transformations": [{"type": "DIRECT"}]},
                {"namespace": "warehouse", "name": "side", "field": "y", "transformations": [{"type": "INDIRECT"}]},
            ]
        }
    },
    dataset=[{"namespace": "warehouse", "name": "raw", "field": "z", "transformations": [{"type": "INDIRECT"}]}],
)
SCHEMA = facet("schema", fields=[{"name": "a", "type": "string"}])
FOREIGN = [
    *ran("spark3", 0, 1, [data("raw"), data("side")], [data("t", COLUMNS, SCHEMA)]),
    *ran("spark", 0, 1, [data("raw"), data("side"), model("openai|gpt-4o")], [data("t", change("OVERWRITE"), COLUMNS)]),
    event("RUNNING", "flink", 2, [data("raw")], [data("u", symlink("s3://lake|u"))], job=None),
    event("COMPLETE", "drop", 3, [], [data("t", change("drop"))], jobType={"processingType": "STREAMING"}),
    event("COMPLETE", "rename", 4, [], [data("v", change("RENAME", "t"))]),
    event("FAIL", "dbt", 5, [data("raw")]),
    event("OTHER", "dbt", 6),
]
ANY = [event_of(r) for r in all_runs()] + FOREIGN + [dataset_event(7, data("t", change("DROP")))]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
#: What stands at some place of an event and may mean something at another.
words = st.sampled_from(
    ["START", "COMPLETE", "OTHER", "RENAME", "MODEL", "INDIRECT", "yesterday", "", 1.0, True, {}, []]
)


@given(st.dictionaries(st.text(), json_values))
def test_canonical_json_reads_back_the_same_and_has_one_form(value: dict[str, Any]) -> None:
    line = canonical(value)
    assert json.loads(line) == parsed(line) == value
    assert canonical(json.loads(line)) == line
    assert b"\n" not in line


no_floats = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(st.dictionaries(st.text(), no_floats))
def test_canonical_json_is_what_pythons_own_encoder_writes_but_for_the_exponents_of_floats(value: object) -> None:
    plain = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert canonical(value) == plain.encode()  # type: ignore[arg-type]
    assert canonical({"a": 1e16, "b": 1.5, "c": 1e-7, "d": -0.0}) == b'{"a":1e16,"b":1.5,"c":1e-7,"d":-0.0}'


@given(asset_runs)
def test_own_events_are_read_alike(run: AssetRun) -> None:
    event_ = event_of(run)
    found = quick(canonical(event_))
    whole = decode(event_, alone=False)
    assert found in (None, whole)
    assert decode_line(canonical(event_))[0] == whole
    # Verdicts, and inputs that name a model of another output, are the reader's with care.
    assert found is not None or run.verdict is not None or run.production.models


@pytest.mark.parametrize("event_", FOREIGN, ids=lambda e: f"{e['eventType']} {e['job']['name']}")
def test_events_of_others_are_read_alike(event_: dict[str, Any]) -> None:
    found = quick(canonical(event_))
    assert found == (None if event_["job"]["name"] == "rename" else decode(event_, alone=False))


def places(value: Any) -> list[tuple[Any, Any]]:
    keys = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    return [(value, k) for k in keys] + [p for k in keys for p in places(value[k])]


@settings(max_examples=400)
@given(st.sampled_from(ANY), st.data())
def test_a_damaged_event_is_read_or_refused_alike(sound: dict[str, Any], data_: st.DataObject) -> None:
    damaged = deepcopy(sound)
    for _ in range(data_.draw(st.integers(1, 3))):
        inside, key = data_.draw(st.sampled_from(places(damaged)))
        if isinstance(inside, dict) and data_.draw(st.booleans()):
            inside[
                data_.draw(st.sampled_from(["_deleted", "type", "lineage", "facets", "lineageGuard_pins", "run"]))
            ] = data_.draw(words | json_values)
        else:
            inside[key] = data_.draw(words | json_values)
    line = canonical(damaged)
    assert _told(lambda: decode_line(line)[0]) == _told(lambda: decode(json.loads(line), alone=False))
    assert isinstance(_told(lambda: understood(line)), tuple) == isinstance(
        _told(lambda: decode(json.loads(line), alone=False)), tuple
    )


def _told(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except EventError as e:
        return (e.what, e.where)


@pytest.mark.parametrize(("shape", "fact"), [(ModelShape, ModelSource), (LicenseShape, License)])
def test_no_field_of_a_fact_is_forgotten(shape: Any, fact: Any) -> None:
    renamed = {"supplier": "provider", "name": "model"} if fact is ModelSource else {}
    assert {renamed.get(f, f) for f in shape.__struct_fields__} == {f.name for f in fields(fact)}


@given(
    st.lists(st.sampled_from([b'{"a": 1}', b'{"b": "\xc3\xbc"}', b"", b"  ", b"{", b"[1]"]), max_size=12),
    st.integers(1, 40),
)
def test_a_file_cut_into_pieces_says_the_same(lines: list[bytes], size: int) -> None:
    text = b'{"first": 0}\n' + b"\n".join(lines)
    whole = list(events_in(text, "f"))
    if len(whole) > 1:  # else it is no file of lines
        assert [f for piece in pieces_of(text, "f", size) for f in events_of(piece)] == whole
