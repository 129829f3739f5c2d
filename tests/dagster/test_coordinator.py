"""The run coordinator on a workspace of two code locations, asked through the UI's own mutation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import dagster as dg
import pytest
from guarding import RESTRICTED
from submitting import Deployment, deployed, message_of

DATA = """
    @dg.asset(metadata=GPT)
    def tainted(): ...

    @dg.asset(metadata=R1)
    def clean(): ...

    @dg.asset(deps=[tainted])
    def curated(): ...

    defs = dg.Definitions(assets=[tainted, clean, curated])
"""
#: One training asset, upstream of it the restricted model; definitions are still to be made of them.
RIVAL = """
@dg.asset(metadata=GPT)
def answers(): ...

@dg.asset(deps=[answers], tags=TRAINS)
def rival(): ...
"""
UNGUARDED = f"{RIVAL}\ndefs = dg.Definitions(assets=[answers, rival])"
GUARDED = f"from lineage_guard import guard\n{RIVAL}"
RESEARCH = """
    @dg.asset(deps=["curated"], tags=TRAINS)
    def rival(): ...

    @dg.asset(deps=["clean"], tags=TRAINS)
    def student(): ...

    @dg.asset(deps=["curated"])
    def report(): ...

    @dg.asset(metadata=GPT)
    def answers(): ...

    @dg.asset(deps=[answers])
    def filtered(): ...

    @dg.asset(deps=[filtered], tags=TRAINS)
    def parrot(): ...

    @dg.asset(metadata=R1)
    def thoughts(): ...

    @dg.asset(deps=[thoughts], tags=TRAINS)
    def pupil(): ...

    @dg.asset
    def found(): ...

    @dg.asset(deps=[found], tags=TRAINS)
    def orphan(): ...

    @dg.asset(deps=["curated"])
    def untagged(): ...

    both = dg.define_asset_job("both", ["report", "rival"])
    defs = dg.Definitions(
        assets=[rival, student, report, answers, filtered, parrot, thoughts, pupil, found, orphan, untagged],
        jobs=[both],
    )
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Deployment]:
    config = {"training": [{"select": 'code_location:"research" and key:"untagged"'}], "max_concurrent_runs": 7}
    with deployed(tmp_path, {"data": DATA, "research": RESEARCH}, config) as deployment:
        yield deployment


FAILURE, QUEUED = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.QUEUED
EVENT = dg.DagsterEventType


def path_shown(world: Deployment, run: dg.DagsterRun) -> str:
    """What the event of the refusal says about the way from the model to the asset."""
    [event] = [
        e.dagster_event
        for e in world.told(run)
        if e.dagster_event_type is EVENT.ENGINE_EVENT and "Lineage Guard" in e.message
    ]
    assert event is not None
    path = event.engine_event_data.metadata["lineage_guard/path"].value
    assert isinstance(path, str)
    return path


def test_lineage_is_seen_across_code_locations_and_a_refusal_is_one_failed_run(world: Deployment) -> None:
    world.materialised("tainted", "clean", "curated", location="data")
    refused = world.launch("rival")
    assert refused.status is FAILURE
    told = world.told(refused)
    said = message_of(told, EVENT.RUN_FAILURE)
    assert said.startswith("BLOCKED  default:rival (train_competing) by policy default")
    for part in ("Path: default:rival <- default:curated@", "<- default:tainted@", "gpt-4o", "Why: ", "Fix: "):
        assert part in said
    assert path_shown(world, refused).startswith("default:rival <- default:curated@")
    # Nothing was queued or started, and Dagster's own retries know that asking again is no use.
    kinds = {e.dagster_event_type for e in told}
    assert not kinds & {EVENT.RUN_ENQUEUED, EVENT.RUN_STARTING, EVENT.STEP_START}
    assert refused.tags["dagster/max_retries"] == "0"
    assert refused.tags["lineage_guard/decision"] == "BLOCK"
    assert world.launch("student").status is QUEUED


def test_the_decision_is_kept_and_so_is_what_was_collected(world: Deployment) -> None:
    from lineage_guard.ledger import open_ledger

    world.materialised("tainted", "clean", "curated", location="data")
    world.launch("rival")
    world.launch("student")
    ledger = open_ledger(world.folder / "ledger")
    assert [d["decision"] for d in ledger.decisions("default", "rival", 5)] == ["BLOCK"]
    assert [d["decision"] for d in ledger.decisions("default", "student", 5)] == ["ALLOW"]
    [curated] = ledger.latest("default", "curated")
    assert [i.version.name for i in ledger.productions([curated])[curated].inputs] == ["tainted"]


@pytest.mark.long
def test_what_is_only_guessed_of_partitions_does_not_get_into_the_ledger(tmp_path: Path) -> None:
    from lineage_guard.ledger import open_ledger

    code = """
        days = dg.StaticPartitionsDefinition(["a", "b"])

        @dg.asset(partitions_def=days, metadata=R1)
        def answers(): ...

        @dg.asset(partitions_def=days, deps=[answers])
        def cleaned(): ...

        @dg.asset(deps=[dg.AssetDep(cleaned, partition_mapping=dg.SpecificPartitionsPartitionMapping(["a"]))])
        def joined(): ...

        @dg.asset(deps=[joined], tags=TRAINS)
        def student(): ...

        defs = dg.Definitions(assets=[answers, cleaned, joined, student])
    """
    with deployed(tmp_path, {"research": code}) as world:
        world.materialised("answers", partition="a")
        world.materialised("cleaned", partition="a")
        world.materialised("joined")
        assert world.launch("student").status is QUEUED
        ledger = open_ledger(tmp_path / "ledger")
        assert len(ledger.latest("default", "answers")) == 1  # it reads nothing
        assert ledger.latest("default", "cleaned") == ()  # its mapping might be anything
        assert ledger.latest("default", "joined") == ()  # Dagster says what it reads, and that is a guess
        # A second question finds the same, with what it remembers.
        assert world.launch("student").status is QUEUED


def test_runs_that_train_nothing_are_left_alone(world: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    from lineage_guard.dagster.coordinator.judge import Judge

    asked: list[str] = []
    monkeypatch.setattr(Judge, "judge", lambda self, run, *rest: asked.append(run.run_id) or [])
    world.materialised("tainted", "clean", "curated", location="data")
    assert world.launch("report").status is QUEUED
    assert world.launch("tainted", "curated", location="data").status is QUEUED
    assert asked == []
    assert not (world.folder / "ledger").exists()


@pytest.mark.parametrize(("assets", "job"), [(["rival", "report"], "__ASSET_JOB"), ([], "both")])
def test_a_job_is_refused_for_the_one_asset_in_it_that_trains(world: Deployment, assets: list[str], job: str) -> None:
    world.materialised("tainted", "clean", "curated", location="data")
    assert world.launch(*assets, job=job).status is FAILURE


def test_an_operator_can_name_training_assets_that_nobody_tagged(world: Deployment) -> None:
    world.materialised("tainted", "clean", "curated", location="data")
    assert world.launch("untagged").status is FAILURE


def test_what_the_run_itself_will_make_is_judged_by_its_declarations(world: Deployment) -> None:
    refused = world.launch("answers", "filtered", "parrot")
    assert refused.status is FAILURE
    # The path names what is not made yet, step by step.
    path = path_shown(world, refused)
    assert [step.partition("@")[0] for step in path.split(" <- ")][:3] == [
        "default:parrot",
        "default:filtered",
        "default:answers",
    ]
    assert "gpt-4o" in path
    assert world.launch("thoughts", "pupil").status is QUEUED


def test_what_is_made_again_in_the_same_run_replaces_what_was_there(tmp_path: Path) -> None:
    with deployed(tmp_path, {"research": UNGUARDED}) as world:
        world.materialised("answers")
        assert world.launch("rival").status is FAILURE
    with deployed(tmp_path, {"research": UNGUARDED.replace("GPT", "R1")}, again=True) as world:
        assert world.launch("rival").status is FAILURE  # it would read what gpt-4o wrote
        assert world.launch("answers", "rival").status is QUEUED


def test_nothing_is_known_and_nothing_is_allowed(world: Deployment) -> None:
    never_made = world.launch("student")
    assert never_made.status is FAILURE
    undeclared = world.launch("found", "orphan")
    assert undeclared.status is FAILURE
    said = message_of(world.told(undeclared), EVENT.RUN_FAILURE)
    assert said.startswith("BLOCKED, NOT KNOWN TO BE CLEAN  default:orphan")
    assert "no declaration says where it comes from" in said


def test_a_rerun_from_failure_is_judged_by_what_it_still_runs(world: Deployment) -> None:
    world.materialised("tainted", "clean", "curated", location="data")
    request = world.process.create_request_context()
    job = request.get_code_location("research").get_job(
        compat_selector("research", "__ASSET_JOB", ["report", "rival", "student"])
    )
    created = {}
    for steps in (["report"], ["student"], ["rival"], None):
        plan = request.get_execution_plan(job, {}, step_keys_to_execute=steps, known_state=None)
        run = world.instance.create_run(
            job_name="__ASSET_JOB",
            run_id=None,
            run_config={},
            status=dg.DagsterRunStatus.NOT_STARTED,
            tags={},
            root_run_id=None,
            parent_run_id=None,
            step_keys_to_execute=steps,
            execution_plan_snapshot=plan.execution_plan_snapshot,
            job_snapshot=job.job_snapshot,
            parent_job_snapshot=job.parent_job_snapshot,
            asset_selection=job.asset_selection,
            asset_check_selection=None,
            resolved_op_selection=None,
            op_selection=None,
            remote_job_origin=job.get_remote_origin(),
            job_code_origin=job.get_python_origin(),
            asset_graph=request.asset_graph,
        )
        created[str(steps)] = world.instance.submit_run(run.run_id, request).status
    assert created == {"['report']": QUEUED, "['student']": QUEUED, "['rival']": FAILURE, "None": FAILURE}


def compat_selector(location: str, job: str, assets: list[str]) -> object:
    from dagster._core.definitions.selector import JobSubsetSelector

    keys = {dg.AssetKey(a) for a in assets}
    return JobSubsetSelector(location, "__repository__", job, None, keys)


def test_only_the_tainted_partitions_are_refused(tmp_path: Path) -> None:
    code = """
        days = dg.StaticPartitionsDefinition(["a", "b", "c"])
        R1_AND_GPT = declared(models=[
            {"provider": "openai", "model": "gpt-4o", "channel": "api.openai.com", "usage": "GENERATION",
             "partitions": ["b"]},
            {"provider": "deepseek", "model": "deepseek-r1", "channel": "self-hosted", "usage": "GENERATION",
             "partitions": ["a", "c"]},
        ])

        @dg.asset(partitions_def=days, metadata=R1_AND_GPT)
        def answers(): ...

        @dg.asset(partitions_def=days, deps=[answers], tags=TRAINS, backfill_policy=dg.BackfillPolicy.single_run())
        def student(): ...

        @dg.asset(deps=[answers], tags=TRAINS)
        def whole(): ...

        defs = dg.Definitions(assets=[answers, student, whole])
    """
    with deployed(tmp_path, {"research": code}) as world:
        for partition in "abc":
            world.materialised("answers", partition=partition)
        ends = {p: world.launch("student", tags={"dagster/partition": p}).status for p in "abc"}
        assert ends == {"a": QUEUED, "b": FAILURE, "c": QUEUED}
        assert world.launch("whole").status is FAILURE
        over = {"dagster/asset_partition_range_start": "a", "dagster/asset_partition_range_end": "c"}
        assert world.launch("student", tags=over).status is FAILURE
        # Together with what it reads: the run's own partition alone counts.
        assert world.launch("answers", "student", tags={"dagster/partition": "c"}).status is QUEUED
        assert world.launch("answers", "student", tags={"dagster/partition": "b"}).status is FAILURE


def test_a_mark_that_means_nothing_is_not_taken_for_no_mark(tmp_path: Path) -> None:
    code = """
        @dg.asset(metadata=R1)
        def clean(): ...

        @dg.asset(deps=[clean], tags={"lineage_guard/uses": "train_competing"})
        def student(): ...

        defs = dg.Definitions(assets=[clean, student])
    """
    with deployed(tmp_path, {"research": code}) as world:
        world.materialised("clean")
        run = world.launch("student")
        assert run.status is FAILURE
        assert "lineage_guard has no asset tag 'lineage_guard/uses'" in message_of(world.told(run), EVENT.RUN_FAILURE)


def test_it_cannot_see_and_says_so(world: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    world.materialised("tainted", "clean", "curated", location="data")
    (world.folder / "ledger").write_text("no folder")
    run = world.launch("student")
    assert run.status is FAILURE
    said = message_of(world.told(run), EVENT.RUN_FAILURE)
    assert said.startswith("BLOCKED  default:student")
    assert "The run coordinator could not decide" in said
    assert world.launch("report").status is QUEUED
    from lineage_guard.dagster.coordinator.scope import TrainingAssets

    def broken(*_: object) -> dict[object, object]:
        raise RuntimeError("the graph is not what it was")

    monkeypatch.setattr(TrainingAssets, "of", broken)
    said = message_of(world.told(world.launch("student")), EVENT.RUN_FAILURE)
    assert "The run coordinator could not look into it: RuntimeError: the graph is not what it was" in said


def test_a_location_with_the_gate_is_left_to_its_gate_unless_the_answer_is_certain(tmp_path: Path) -> None:
    gated = GUARDED + dedent("""
        @dg.asset(deps=["never_made"], tags=TRAINS)
        def student(): ...

        defs = guard(dg.Definitions(assets=[answers, rival, student]))
    """)
    with deployed(tmp_path, {"research": gated}) as world:
        world.materialised("answers")
        run = world.launch("rival")
        assert run.status is FAILURE
        # The run had planned the check of the asset; it shows the verdict, not that it failed to run.
        check = dg.AssetCheckKey(dg.AssetKey("rival"), "lineage_guard")
        record = world.instance.event_log_storage.get_latest_asset_check_execution_by_key([check])[check]
        assert record.evaluation is not None
        assert not record.evaluation.passed
        assert "BLOCKED" in (record.evaluation.description or "")
        # Not known here is not certain: its gate may know more when the step begins.
        assert world.launch("student").status is QUEUED


@pytest.mark.long
def test_a_gate_with_other_rules_gives_its_own_answer(tmp_path: Path) -> None:
    gated = GUARDED + 'defs = guard(dg.Definitions(assets=[answers, rival]), policy="research")'
    with deployed(tmp_path, {"research": gated}) as world:
        world.materialised("answers")
        assert world.launch("rival").status is QUEUED
    with deployed(tmp_path, {"research": gated}, {"judge_gated": True}, again=True) as world:
        assert world.launch("rival").status is FAILURE


@pytest.mark.long
def test_a_gate_over_a_selection_is_not_taken_for_a_gate(tmp_path: Path) -> None:
    gated = GUARDED + dedent("""
        @dg.asset(deps=[answers], tags=TRAINS)
        def other(): ...

        defs = guard(dg.Definitions(assets=[answers, rival, other]), select='key:"other"')
    """)
    with deployed(tmp_path, {"research": gated}) as world:
        world.materialised("answers")
        assert world.launch("rival").status is FAILURE


@pytest.mark.long
def test_a_waiver_in_the_configuration_counts(tmp_path: Path) -> None:
    with deployed(tmp_path, {"research": UNGUARDED}) as world:
        world.materialised("answers")
        run = world.launch("rival")
        [rule] = [
            e.dagster_event.engine_event_data.metadata["lineage_guard/rule"].value
            for e in world.told(run)
            if e.dagster_event is not None and e.dagster_event_type is EVENT.ENGINE_EVENT
        ]
    waiver = {
        "id": "W-1",
        "rule": str(rule),
        "asset": "rival",
        "reason": "a pilot",
        "requested_by": "ann",
        "approved_by": "bob",
        "ticket": "T-1",
        "expires": "2999-01-01",
        "model": RESTRICTED.model,
    }
    with deployed(tmp_path, {"research": UNGUARDED}, {"waivers": [waiver]}, again=True) as world:
        assert world.launch("rival").status is QUEUED


def test_where_it_only_warns_the_run_goes_on_and_says_what_would_have_been(tmp_path: Path) -> None:
    with deployed(tmp_path, {"research": UNGUARDED}, {"mode": "warn"}) as world:
        world.materialised("answers")
        run = world.launch("rival")
        assert run.status is QUEUED
        [said] = [e.message for e in world.told(run) if e.dagster_event_type is EVENT.ENGINE_EVENT]
        assert said.startswith("Lineage Guard lets this run go on (mode: warn)")
        assert "would have been BLOCKED (warn)" in said


def test_looking_at_a_source_in_the_same_run_does_not_make_it(tmp_path: Path) -> None:
    code = """
        @dg.observable_source_asset(metadata=R1)
        def bought():
            return dg.DataVersion("1")

        @dg.asset(deps=[bought], tags=TRAINS)
        def student(): ...

        defs = dg.Definitions(assets=[bought, student], jobs=[dg.define_asset_job("both", "*")])
    """
    with deployed(tmp_path, {"research": code}) as world:
        declared = {"format": 1, "completeness": "COMPLETE", "models": [{"provider": "openai", "model": "gpt-4o"}]}
        metadata = {"lineage_guard/declaration": dg.MetadataValue.json(declared)}
        world.instance.report_runless_asset_event(dg.AssetMaterialization("bought", metadata=metadata))
        assert world.launch("student").status is FAILURE
        assert world.launch("bought", "student").status is FAILURE


def test_one_copy_of_a_mapped_step_is_a_step_of_the_asset(tmp_path: Path) -> None:
    from lineage_guard.dagster import compat

    code = """
        @dg.op(out=dg.DynamicOut())
        def shards():
            yield dg.DynamicOutput(1, "a")

        @dg.op
        def fit(shard):
            return shard

        @dg.op
        def join(models):
            return models

        @dg.graph_asset(tags=TRAINS)
        def student():
            return join(shards().map(fit).collect())

        defs = dg.Definitions(assets=[student])
    """
    with deployed(tmp_path, {"research": code}) as world:
        run = world.launch("student")
        assert run.status is FAILURE  # nobody says what it learns from
        again = run._replace(step_keys_to_execute=["student.fit[a]"])
        steps = {step.key: step.executed for step in compat.planned_steps(world.instance, again)}
        assert steps == {"student.shards": False, "student.fit[?]": True, "student.join": False}
