"""``guard()`` of already-built definitions of any kind: guarded, twice is once, or a loud error."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from guarding import RESTRICTED, Lane, made_by

import lineage_guard
from lineage_guard import guard, training
from lineage_guard.dagster.gate.sign import GATE_TAG, fingerprint, sign_of
from lineage_guard.dagster.locations import settings_of
from lineage_guard.dagster.plain import PlainJob, plain_jobs
from lineage_guard.dagster.settings import Settings
from lineage_guard.domain.errors import ConfigError

MODULE = """
import dagster as dg
from lineage_guard import training

@dg.asset(tags=training())
def student(): ...

helper = dg.AssetSpec("named")
"""


def a_student() -> dg.AssetsDefinition:
    @dg.asset(tags=training())
    def student() -> None: ...

    return student


def a_repository() -> dg.RepositoryDefinition:
    student = a_student()

    @dg.repository
    def everything() -> list[Any]:
        return [student, dg.define_asset_job("nightly", "student")]

    return everything


def lazily() -> Any:
    @dg.definitions
    def loaded() -> dg.Definitions:
        return dg.Definitions(assets=[a_student()])

    return loaded


def from_a_module(folder: Path) -> list[Any]:
    (folder / "code_of_a_team.py").write_text(MODULE)
    sys.path.insert(0, str(folder))
    try:
        import code_of_a_team  # pyright: ignore[reportMissingImports]

        return list(dg.load_assets_from_modules([code_of_a_team]))
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop("code_of_a_team", None)


def the_training_op(kind: Any) -> dg.OpDefinition:
    if hasattr(kind, "load_fn"):
        kind = kind()
    if isinstance(kind, dg.Definitions):
        kind = list(kind.assets or ())
    if isinstance(kind, dg.RepositoryDefinition):
        kind = list(kind.assets_defs_by_key.values())
    [asset] = [a for a in (kind if isinstance(kind, list) else [kind]) if isinstance(a, dg.AssetsDefinition)]
    assert settings_of(asset) is not None
    return asset.op


KINDS: dict[str, Callable[[Path], Any]] = {
    "definitions": lambda _: dg.Definitions(assets=[a_student()]),
    "merged": lambda _: dg.Definitions.merge(dg.Definitions(assets=[a_student()]), dg.Definitions()),
    "@definitions": lambda _: lazily(),
    "@repository": lambda _: a_repository(),
    "get_repository_def": lambda _: dg.Definitions(assets=[a_student()]).get_repository_def(),
    "asset": lambda _: a_student(),
    "list": lambda _: [a_student(), dg.AssetSpec("named")],
    "load_assets_from_modules": from_a_module,
}


@pytest.mark.parametrize("kind", KINDS)
def test_any_kind_is_guarded_and_guarding_twice_changes_nothing(kind: str, tmp_path: Path) -> None:
    once = guard(KINDS[kind](tmp_path), ledger=tmp_path / "ledger")
    first = the_training_op(once)
    body = first.compute_fn
    twice = guard(once, ledger=tmp_path / "ledger")
    assert type(twice) is type(once)
    if kind != "@definitions":  # each load of these makes new ops
        assert the_training_op(twice) is first
        assert first.compute_fn is body


def test_a_repository_guarded_as_a_whole_stops_its_job(lane: Lane) -> None:
    @dg.asset(deps=["synthetic"], tags=training())
    def student() -> None:
        lane.mark("student")

    synthetic = made_by(RESTRICTED)

    @dg.repository
    def everything() -> list[Any]:
        return [synthetic, student, dg.define_asset_job("nightly", "*")]

    guarded = guard(everything, ledger=lane.ledger_folder)
    done = guarded.get_job("nightly").execute_in_process(instance=lane.instance, raise_on_error=False)
    assert not done.success
    assert lane.trained == []


@pytest.mark.parametrize(
    "wrong",
    [
        "student",
        {1: 2},
        iter(()),
        [dg.Definitions()],
        [a_repository()],
        [[a_student()]],
        [7],
        lineage_guard,
        None,
    ],
    ids=["text", "dict", "iterator", "definitions", "repository", "nested", "number", "module", "nothing"],
)
def test_what_cannot_be_guarded_is_refused(wrong: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"guard\("):
        guard(wrong, ledger=tmp_path / "ledger")


def test_the_sign_says_which_rules_the_gate_goes_by(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    plain = Settings()
    assert fingerprint(plain) == fingerprint(Settings(ledger="elsewhere", namespace="other"))
    policy.write_text("one")
    before = fingerprint(Settings(policy=policy))
    policy.write_text("another")
    assert len({before, fingerprint(Settings(policy=policy)), fingerprint(plain)}) == 3
    signed = a_student()
    guard(signed, ledger=tmp_path / "ledger")
    assert sign_of(signed.op.tags) == fingerprint(plain)
    # What a selection covers is known in the step alone, so such a gate is not signed.
    partly = a_student()
    guard(partly, ledger=tmp_path / "ledger", select='key:"student"')
    assert GATE_TAG not in partly.op.tags


def test_jobs_of_plain_ops_are_named_with_the_training_code_they_share(tmp_path: Path) -> None:
    student = a_student()

    @dg.op
    def fit() -> None: ...

    @dg.job
    def by_hand() -> None:
        fit()

    @dg.job
    def round_it() -> None:
        student.op()

    nightly = dg.define_asset_job("nightly", "student")
    defs = guard(dg.Definitions(assets=[student], jobs=[by_hand, round_it, nightly]), ledger=tmp_path / "ledger")
    assert plain_jobs(defs.get_repository_def()) == [
        PlainJob("by_hand", ("fit",), ()),
        PlainJob("round_it", ("student",), ("student",)),
    ]
