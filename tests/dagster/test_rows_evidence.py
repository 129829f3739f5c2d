"""Rows evidence at the gate: asked for on the very version that is read, found, gathered, or missed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest
from guarding import PERMITTED, Lane, failure_of

from lineage_guard import Waiver, declare, guard, training
from lineage_guard.dagster.checks import build_expectation_checks
from lineage_guard.dagster.rows import suite_check
from lineage_guard.dagster.sensor.decide import judge
from lineage_guard.dagster.settings import Settings, rulebook
from lineage_guard.domain.facts import Version
from lineage_guard.gx import reuse
from lineage_guard.gx.rows import RowsTable, in_parquet
from lineage_guard.ledger.archive.attesting import Attestations

GOOD, BAD = "deepseek-r1", "gpt-5"


class World:
    """Answers in a Parquet file, a training step, and a rows check between them.

    Attributes:
        model: what the rows name as their model when they are written.
        ran: how often the suite really ran.
    """

    def __init__(self, lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lane = lane
        self.model = GOOD
        self.path = lane.folder / "answers.parquet"
        self.ran = 0
        run = reuse.run_rows_suite

        def counted(*arguments: Any) -> Any:
            self.ran += 1
            return run(*arguments)

        monkeypatch.setattr(reuse, "run_rows_suite", counted)

    def table(self) -> RowsTable:
        return in_parquet(self.path)

    def definitions(
        self, checked: bool = True, table: Any = None, suites: Any = "rows", blocking: bool = True, **arguments: Any
    ) -> dg.Definitions:
        @dg.asset(metadata=declare(PERMITTED))
        def answers() -> None:
            duckdb.sql(
                f"COPY (SELECT range AS id, 'private' AS response, '{self.model}' AS model, 'self-hosted' AS channel,"
                f" 'GENERATION' AS usage, now()::TIMESTAMP AS generated_at FROM range(3)) TO '{self.path}'"
            )

        @dg.asset(deps=[answers])
        def curated() -> None: ...

        @dg.asset(deps=[curated], tags=training())
        def student() -> None:
            self.lane.mark("student")

        checks = build_expectation_checks(asset=answers, table=table or self.table, suite=suites, blocking=blocking)
        defs = dg.Definitions(
            assets=[answers, curated, student],
            asset_checks=[] if not checked else [checks] if isinstance(checks, dg.AssetsDefinition) else checks,
        )
        return guard(defs, ledger=self.lane.ledger_folder, sensor=False, **arguments)

    def run(self, defs: dg.Definitions, *assets: str, checks: Sequence[Any] = ()) -> dg.ExecuteInProcessResult:
        job = defs.resolve_implicit_global_asset_job_def()
        chosen = {dg.AssetKey(a) for a in assets}
        job = job.get_subset(asset_selection=chosen, asset_check_selection=set(checks))
        return job.execute_in_process(instance=self.lane.instance, raise_on_error=False)

    @property
    def check(self) -> dg.AssetCheckKey:
        return dg.AssetCheckKey(dg.AssetKey("answers"), "rows_provenance")

    def said(self, result: dg.ExecuteInProcessResult) -> str:
        return str(failure_of(result, "student").description)


@pytest.fixture
def world(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(lane, monkeypatch)


def only(world: World) -> Callable[[dg.AssetCheckExecutionContext], RowsTable]:
    """A table that only the check's own step can open."""

    def table(context: dg.AssetCheckExecutionContext) -> RowsTable:
        return world.table()

    return table


def test_evidence_of_the_check_is_used_by_the_gate_and_by_the_next_check(world: World) -> None:
    defs = world.definitions(table=only(world))
    result = world.run(defs, "answers", "curated", checks=[world.check])
    [check] = result.get_asset_check_evaluations()
    [version] = world.lane.ledger.latest("default", "answers") or [None]
    assert (check.passed, world.ran) == (True, 1)
    assert world.run(defs, "student").success
    assert (world.lane.trained, world.ran) == (["student"], 1)
    [again] = world.run(defs, checks=[world.check]).get_asset_check_evaluations()
    assert (again.passed, world.ran) == (True, 1)
    assert "reused" in again.metadata
    assert again.metadata["attested_for"].value == check.metadata["attested_for"].value
    [version] = world.lane.ledger.latest("default", "answers")
    assert str(check.metadata["attested_for"].value) == str(version)


@pytest.mark.long
def test_a_page_is_written_beside_the_ledger(world: World) -> None:
    world.model = BAD
    [check] = world.run(world.definitions(), "answers", checks=[world.check]).get_asset_check_evaluations()
    page = Path(str(check.metadata["page"].value))
    assert page.parent == world.lane.folder / "ledger_pages"
    text = page.read_text("utf-8")
    assert "gpt-5 via self-hosted" in text
    assert "private" not in text
    assert "http" not in text.replace("http-equiv", "")


def test_failing_rows_stop_training_that_is_launched_alone(world: World) -> None:
    world.model = BAD
    defs = world.definitions(table=only(world))
    assert not world.run(defs, "answers", checks=[world.check]).success
    assert world.run(defs, "curated").success
    result = world.run(defs, "student")
    assert world.lane.trained == []
    said = world.said(result)
    assert "EXPECTATIONS_FAILED" in said
    assert "suite 'rows' of asset answers failed on the rows of default:answers@" in said
    assert "found gpt-5" in said
    assert "Path: default:student <- default:curated@" in said


@pytest.mark.long
def test_missing_evidence_is_gathered_where_the_table_can_be_opened(world: World) -> None:
    defs = world.definitions()
    assert world.run(defs, "answers", "curated").success
    assert world.ran == 0
    assert world.run(defs, "student").success
    assert (world.lane.trained, world.ran) == (["student"], 1)
    world.model = BAD
    assert world.run(defs, "answers", "curated").success
    result = world.run(defs, "student")
    assert world.lane.trained == ["student"]
    assert "found gpt-5" in world.said(result)


def test_missing_evidence_blocks_where_the_table_cannot_be_opened(world: World) -> None:
    defs = world.definitions(table=only(world))
    assert world.run(defs, "answers", "curated").success
    said = world.said(world.run(defs, "student"))
    assert world.lane.trained == []
    assert "EXPECTATIONS_NOT_RUN" in said
    assert "Run check 'rows_provenance' on answers" in said
    assert world.run(defs, checks=[world.check]).success
    assert world.run(defs, "student").success


@pytest.mark.long
def test_a_table_that_cannot_be_read_in_the_gate_blocks_and_says_why(world: World) -> None:
    defs = world.definitions(table=lambda: in_parquet(world.lane.folder / "elsewhere.parquet"))
    assert world.run(defs, "answers", "curated").success
    said = world.said(world.run(defs, "student"))
    assert "EXPECTATIONS_NOT_RUN" in said
    assert "elsewhere.parquet" in said


def test_evidence_for_another_version_is_no_evidence(world: World) -> None:
    defs = world.definitions(table=only(world))
    assert world.run(defs, "answers", "curated", checks=[world.check]).success
    assert world.run(defs, "answers").success  # a newer version, which curated has not read
    assert world.run(defs, "student").success
    assert world.run(defs, "curated").success
    said = world.said(world.run(defs, "student"))
    assert "has not been run on the rows of default:answers@" in said
    assert world.lane.trained == ["student"]


@pytest.mark.long
def test_a_changed_suite_asks_for_new_evidence(world: World, tmp_path: Path) -> None:
    suite = tmp_path / "rows.json"
    text = (Path(__file__).parents[2] / "expectations/rows.json").read_text()
    suite.write_text(text)
    defs = world.definitions(table=only(world), suites=suite)
    assert world.run(defs, "answers", "curated", checks=[world.check]).success
    suite.write_text(text.replace('"name": "rows"', '"name": "rows", "notes": "stricter"'))
    said = world.said(world.run(world.definitions(table=only(world), suites=suite), "student"))
    assert "before the suite was changed" in said


@pytest.mark.long
def test_a_check_that_does_not_block_is_no_demand(world: World) -> None:
    defs = world.definitions(table=only(world), blocking=False)
    world.model = BAD
    assert world.run(defs, "answers", "curated", checks=[world.check]).success
    assert world.run(defs, "student").success


@pytest.mark.long
def test_a_gate_that_does_not_know_the_check_asks_the_ledger(world: World) -> None:
    world.model = BAD
    checked = world.definitions(table=only(world))
    world.run(checked, "answers", checks=[world.check])
    assert world.run(checked, "curated").success
    attestations = Attestations(world.lane.ledger.archive)
    [demand] = attestations.demands()
    # As if another code location had it.
    attestations.demand(demand._replace(location="elsewhere"))
    said = world.said(world.run(world.definitions(checked=False), "student"))
    assert "EXPECTATIONS_FAILED" in said
    attestations.withdraw(demand)
    assert world.run(world.definitions(checked=False), "student").success


@pytest.mark.long
def test_a_check_that_was_taken_away_is_not_asked_for(world: World) -> None:
    assert world.run(world.definitions(table=only(world)), "answers", "curated", checks=[world.check]).success
    assert len(Attestations(world.lane.ledger.archive).demands()) == 1
    assert world.run(world.definitions(checked=False), "answers", "curated", "student").success
    assert Attestations(world.lane.ledger.archive).demands() == ()


@pytest.mark.long
def test_a_waiver_covers_it_and_shows(world: World) -> None:
    waiver = Waiver(
        id="W-1",
        rule="rows:rows_provenance",
        asset="student",
        reason="old rows are gone",
        requested_by="a",
        approved_by="b",
        ticket="T-1",
        expires=datetime.now(UTC) + timedelta(days=1),
    )
    defs = world.definitions(table=only(world), waivers=[waiver])
    assert world.run(defs, "answers", "curated", "student").success
    [decision] = world.lane.ledger.decisions("default", "student")
    assert decision["decision"] == "WAIVED"


@pytest.mark.long
def test_several_suites_are_one_check_each(world: World, tmp_path: Path) -> None:
    own = tmp_path / "own.json"
    own.write_text(
        '{"name": "own", "expectations": ['
        '{"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 4}}]}'
    )
    defs = world.definitions(suites=["rows", own])
    keys = [dg.AssetCheckKey(dg.AssetKey("answers"), n) for n in ("rows_provenance", "own_provenance")]
    result = world.run(defs, "answers", "curated", checks=keys)
    assert {c.check_name: c.passed for c in result.get_asset_check_evaluations()} == {
        "rows_provenance": True,
        "own_provenance": False,
    }
    assert world.run(defs, "curated").success
    said = world.said(world.run(defs, "student"))
    assert "suite 'own' of asset answers" in said
    assert "rows:rows_provenance" not in said


@pytest.mark.long
def test_rows_that_change_while_the_suite_runs_are_attested_for_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    defs = world.definitions()
    assert world.run(defs, "answers").success
    seen: list[tuple[Version, ...]] = []
    newest = suite_check.newest

    def moving(*arguments: Any) -> tuple[Version, ...]:
        seen.append(newest(*arguments))
        return tuple(replace_run(v, str(len(seen))) for v in seen[-1])

    monkeypatch.setattr(suite_check, "newest", moving)
    [check] = world.run(defs, checks=[world.check]).get_asset_check_evaluations()
    assert check.passed
    assert "attested for no version" in str(check.metadata["notes"].value)
    [version] = seen[0]
    assert Attestations(world.lane.ledger.archive).find(version, "rows_provenance") is None


def replace_run(version: Version, run: str) -> Version:
    return version._replace(run=run)


@pytest.mark.long
def test_an_attestation_says_what_it_is_about(world: World) -> None:
    defs = world.definitions()
    world.run(defs, "answers", checks=[world.check])
    attestations = Attestations(world.lane.ledger.archive)
    [version] = suite_check.newest(
        world.lane.instance, defs.resolve_asset_graph(), dg.AssetKey("answers"), "default", world.lane.ledger
    )
    found = attestations.find(version, "rows_provenance")
    assert found is not None
    assert found.evidence.passes
    assert attestations.find(version, "another") is None
    moved = replace(found, version=version._replace(run="other"))
    attestations.file(moved)
    assert attestations.find(version, "rows_provenance") == found


@pytest.mark.long
def test_each_partition_has_an_attestation_of_its_own(lane: Lane) -> None:
    days = dg.StaticPartitionsDefinition(["a", "b"])

    @dg.asset(metadata=declare(PERMITTED), partitions_def=days)
    def answers(context) -> None:
        model = GOOD if context.partition_key == "a" else BAD
        duckdb.sql(
            f"COPY (SELECT '{model}' AS model, 'self-hosted' AS channel, 'GENERATION' AS usage,"
            f" now()::TIMESTAMP AS generated_at) TO '{lane.folder / context.partition_key}.parquet'"
        )

    @dg.asset(deps=[answers], partitions_def=days, tags=training())
    def student(context) -> None:
        lane.mark(context.partition_key)

    def table(context: dg.AssetCheckExecutionContext) -> RowsTable:
        return in_parquet(lane.folder / f"{context.op_execution_context.partition_key}.parquet")

    check = build_expectation_checks(asset=answers, table=table)
    defs = guard(
        dg.Definitions(assets=[answers, student], asset_checks=[check]), ledger=lane.ledger_folder, sensor=False
    )
    job = defs.resolve_implicit_global_asset_job_def()
    alone = job.get_subset(asset_selection={student.key})
    both = job.get_subset(asset_selection={answers.key}, asset_check_selection=set(check.check_keys))
    passed = {}
    for day in ("a", "b"):
        result = both.execute_in_process(instance=lane.instance, partition_key=day, raise_on_error=False)
        [found] = result.get_asset_check_evaluations()
        passed[day] = (found.passed, str(found.metadata["attested_for"].value).split("@")[0])
    assert passed == {"a": (True, "default:answers[a]"), "b": (False, "default:answers[b]")}
    for day in ("a", "b"):
        alone.execute_in_process(instance=lane.instance, partition_key=day, raise_on_error=False)
    assert lane.trained == ["a"]


@pytest.mark.long
def test_what_watches_waits_for_the_newest_version_and_for_no_other(world: World) -> None:
    defs = world.definitions(table=only(world))

    def judged() -> tuple[bool, bool]:
        catalog, policy = rulebook(Settings())
        graph, uses = defs.resolve_asset_graph(), {dg.AssetKey("student"): "train_competing"}
        settings = Settings(ledger=str(world.lane.ledger_folder))
        at = datetime.now(UTC)
        [found] = judge(world.lane.instance, graph, world.lane.ledger, settings, uses, policy, catalog, at)
        return found.verdict.stops, found.final

    assert world.run(defs, "answers", "curated").success
    assert judged() == (False, False)  # no page for a check that is about to run, and it is asked again
    assert world.run(defs, checks=[world.check]).success
    assert judged() == (False, True)
    world.run(defs, "answers")
    world.run(defs, "curated")
    world.run(defs, "answers")
    assert judged() == (True, True)  # what curated has read can no longer be checked
