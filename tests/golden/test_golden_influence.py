"""Golden cases: column lineage and what it makes of inputs, for a reader who knows tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from lineage_guard.domain.declared.influence import ColumnsSaid, influences
from lineage_guard.domain.facts import Completeness, Influence

CASES = cast(
    "list[dict[str, Any]]", yaml.safe_load((Path(__file__).parent / "influence.yaml").read_text(encoding="utf-8"))
)
WORDS = {Influence.DIRECT: "content", Influence.INDIRECT: "choice"}


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["case"])
def test_influence_of_inputs(case: dict[str, Any]) -> None:
    said = ColumnsSaid(
        case.get("columns", ()),
        {column: [(name, "x") for name in names] for column, names in case.get("lineage", {}).items()},
        Completeness.COMPLETE if case.get("whole") else Completeness.UNKNOWN,
        case.get("doubt"),
    )
    found = influences("table", list(case["inputs"]), said, case.get("indirect", ()))
    assert {name: WORDS[i] for name, i in found.of.items()} == case["inputs"], case["why"]
    assert len(found.notes) == ("note" in case)
    assert all(case["note"] in note for note in found.notes)
