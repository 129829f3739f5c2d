"""Kinds in the asset graph: what is guarded and what is restricted is seen there, and nothing else changes.

To write the list of restricted models anew from the catalog: WRITE_LIST=1 pytest <this file>.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import dagster as dg
import pytest
from guarding import Lane

import lineage_guard
from lineage_guard import ModelSource, declare, guard, training
from lineage_guard.catalog import load_catalog
from lineage_guard.dagster.installed import settings_of
from lineage_guard.dagster.kinds import is_restricted
from lineage_guard.domain.rules.terms import TRAIN_COMPETING, Effect

LIST = Path(lineage_guard.__file__).parent / "dagster" / "restricted_models.json"
GPT = ModelSource("openai", "gpt-4o", channel="api.openai.com")
OPEN = ModelSource("qwen", "Qwen2.5-7B-Instruct", channel="self-hosted")


def listed() -> dict[str, list[str]]:
    import yaml

    entries = yaml.safe_load((LIST.parents[1] / "catalog" / "data" / "terms" / "hosted.yaml").read_text("utf-8"))
    binding = [e for e in entries["terms"] if e["effects"].get("train_competing") == "block"]
    return {name: sorted({p.lower() for e in binding for p in e.get(name) or ()}) for name in ("models", "excluding")}


def kinds(defs: dg.Definitions) -> dict[str, set[str]]:
    graph = defs.resolve_asset_graph()
    return {key.to_user_string(): set(graph.get(key).kinds) for key in graph.get_all_asset_keys()}


def synthetic(model: ModelSource, name: str = "synthetic") -> dg.AssetsDefinition:
    @dg.asset(name=name, metadata=declare(model))
    def made() -> None: ...

    return made


def student(**more: object) -> dg.AssetsDefinition:
    @dg.asset(name="student", deps=["synthetic"], tags=training(), **more)  # type: ignore[call-overload]
    def trained() -> None: ...

    return trained


def test_the_list_is_what_the_catalog_says() -> None:
    if os.environ.get("WRITE_LIST"):
        LIST.write_text(json.dumps(listed(), indent=1) + "\n", "utf-8")
    assert json.loads(LIST.read_text("utf-8")) == listed()


@pytest.mark.parametrize(
    "model",
    [
        GPT,
        ModelSource("anthropic", "claude-sonnet-4-5", channel="api.anthropic.com"),
        ModelSource("google", "gemini-2.5-pro", channel="generativelanguage.googleapis.com"),
        OPEN,
        ModelSource("openai", "gpt-oss-120b", channel="self-hosted"),
        ModelSource("deepseek", "deepseek-chat", channel="api.deepseek.com"),
        ModelSource("mistral", "mistral-large-latest", channel="api.mistral.ai"),
    ],
    ids=str,
)
def test_what_the_eye_is_shown_agrees_with_the_catalog(model: ModelSource) -> None:
    layers = load_catalog().terms.resolve(model, None).layers
    assert is_restricted(model) == any(t.effect_on(TRAIN_COMPETING) is Effect.BLOCK for t in layers)


def test_guarded_and_restricted_assets_have_a_kind(lane: Lane) -> None:
    plain = dg.AssetSpec("plain")
    assets = [synthetic(GPT), synthetic(OPEN, "open"), student(), plain]
    guarded = guard(dg.Definitions(assets=assets), ledger=lane.ledger_folder)
    assert kinds(guarded) == {"synthetic": {"restricted"}, "open": set(), "student": {"guarded"}, "plain": set()}
    repository = guarded.get_repository_def()
    assert all(settings_of(repository.assets_defs_by_key[a.key]) is not None for a in assets[:3])


def test_there_is_no_fourth_kind_and_no_kind_that_could_be_wrong(lane: Lane) -> None:
    full = guard(dg.Definitions(assets=[student(kinds={"a", "b", "c"})]), ledger=lane.ledger_folder)
    assert kinds(full)["student"] == {"a", "b", "c"}
    some = guard(dg.Definitions(assets=[student()]), ledger=lane.ledger_folder, select="student")
    assert kinds(some)["student"] == set()
    agreed = ModelSource("openai", "gpt-4o", channel="api.openai.com", terms="our-agreement")
    assert not is_restricted(agreed)


def test_guarding_twice_marks_once(lane: Lane) -> None:
    once = guard(dg.Definitions(assets=[synthetic(GPT), student()]), ledger=lane.ledger_folder)
    twice = guard(once, ledger=lane.ledger_folder)
    assert kinds(twice) == kinds(once)
    assert list(twice.assets or ()) == list(once.assets or ())
