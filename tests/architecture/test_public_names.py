"""The names of ``lineage_guard``: exactly these, each documented, each loaded when it is used."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

import lineage_guard

NAMES = [
    "Completeness",
    "License",
    "LineageGuardComponent",
    "LineageGuardError",
    "ModelSource",
    "Usage",
    "Waiver",
    "declaration_of",
    "declare",
    "declare_from",
    "guard",
    "permitted",
    "public_assets",
    "quarantine",
    "source",
    "synthetic_asset",
    "training",
    "use_of",
]


def test_exactly_these_names_are_exported() -> None:
    assert sorted(lineage_guard.__all__) == NAMES
    assert set(NAMES) <= set(dir(lineage_guard))


@pytest.mark.parametrize("name", NAMES)
def test_each_is_there_and_documented(name: str) -> None:
    value = getattr(lineage_guard, name)
    assert inspect.getdoc(value)
    assert value.__module__.startswith("lineage_guard.")


def test_type_checkers_see_what_runs() -> None:
    tree = ast.parse(Path(lineage_guard.__file__).read_text())
    [guarded] = [n for n in tree.body if isinstance(n, ast.If)]
    seen = {a.asname: n.module for n in guarded.body if isinstance(n, ast.ImportFrom) for a in n.names}
    assert seen == {name: lineage_guard._WHERE[name] for name in NAMES}


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'gaurd'"):
        lineage_guard.gaurd  # noqa: B018
