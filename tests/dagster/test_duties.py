"""Duties and the student's family, from the declaration to the materialisation of what was trained."""

from __future__ import annotations

from typing import Any

import dagster as dg
from guarding import Lane, curated_from, failure_of, made_by

from lineage_guard import License, ModelSource, Usage, declare, source, training

TEACHER = ModelSource("meta", "meta-llama/Meta-Llama-3-70B-Instruct", channel="self-hosted")
BASE = ModelSource("meta", "meta-llama/Meta-Llama-3-8B", channel="self-hosted", usage=Usage.BASE_MODEL)
NAMED = "Meta: Name a model made with the materials 'Llama 3 ...' and show 'Built with Meta Llama 3'."
CITED = License("CC-BY-4.0", obligations=("Name the authors.",))


def student(metadata: dict[str, Any], *parents: dg.AssetsDefinition) -> dg.AssetsDefinition:
    @dg.asset(name="student", deps=[p.key for p in parents], tags=training(), metadata=metadata)
    def trained() -> None: ...

    return trained


def test_a_student_of_the_family_runs_and_its_duties_are_listed_on_it(lane: Lane) -> None:
    @dg.asset(metadata=source(human=True, license=CITED))
    def human() -> None: ...

    synthetic = made_by(TEACHER)
    curated = curated_from(synthetic, human)
    assert lane.run([human, synthetic, curated, student(declare(BASE), curated)]).success
    event = lane.instance.get_latest_materialization_event(dg.AssetKey("student"))
    assert event is not None
    assert event.asset_materialization is not None
    metadata = event.asset_materialization.metadata
    assert metadata["lineage_guard/decision"].value == "ALLOWED, WITH WARNINGS"
    duties = metadata["lineage_guard/obligations"].value
    assert NAMED in duties
    assert "CC-BY-4.0: Name the authors." in duties
    rows = {r.data["source"]: r.data for r in metadata["lineage_guard/sources"].value.records}
    assert set(rows) == {str(TEACHER), str(BASE), "default:human"}
    assert (rows["default:human"]["what"], rows["default:human"]["terms"]) == ("data", "CC-BY-4.0")
    assert rows[str(TEACHER)]["did"] == "generation"
    assert rows[str(TEACHER)]["terms"].startswith("llama-3")
    [decision] = lane.ledger.decisions("default", "student", 10)
    assert decision["obligations"] == duties


def test_a_student_that_begins_from_nothing_is_of_no_family(lane: Lane) -> None:
    synthetic = made_by(TEACHER)
    result = lane.run([synthetic, student({}, synthetic)])
    assert not result.success
    assert "llama-3" in (failure_of(result, "student").description or "")
