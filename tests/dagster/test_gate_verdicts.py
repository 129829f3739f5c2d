"""The gate against real instances. Ground truth is a file that only the training code writes."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from guarding import (
    PERMITTED,
    RESTRICTED,
    UNHEARD_OF,
    Lane,
    curated_from,
    failure_of,
    made_by,
    student_of,
    undeclared,
    written_by_people,
)

from lineage_guard import ModelSource, Waiver, guard, source, training
from lineage_guard.domain.verdict.evidence import Evidence, FailedExpectation


def test_a_restricted_model_two_steps_up_blocks_and_says_why(lane: Lane) -> None:
    synthetic = made_by(RESTRICTED)
    curated = curated_from(synthetic, human := written_by_people())
    result = lane.run([synthetic, human, curated, student_of(lane, curated)])

    assert lane.trained == []
    assert not result.success
    failure = failure_of(result, "student")
    text = failure.description
    assert text is not None
    assert text.startswith("BLOCKED  default:student (train_competing) by policy default")
    assert "default:student <- default:curated@" in text
    assert "<- default:synthetic@" in text
    assert "openai/gpt-4o-2024-08-06 via api.openai.com: terms openai-api" in text
    assert "Fix: " in text
    assert failure.metadata["lineage_guard/decision"].value == "BLOCKED"
    rows = failure.metadata["lineage_guard/findings"].records
    assert rows[0].data["model"] == "openai/gpt-4o-2024-08-06 via api.openai.com"
    assert {r.data["reason"] for r in rows} == {"RESTRICTED_MODEL", "EXPECTATIONS_FAILED"}
    [decision] = lane.ledger.decisions("default", "student", 10)
    assert 0 < float(str(decision["durationMs"])) < 600_000  # how long the step waited, see docs/monitoring.md
    assert decision["decision"] == "BLOCK"
    assert decision["enforced"] is True


def test_a_permitted_model_trains_and_the_verdict_is_on_the_materialization(lane: Lane) -> None:
    synthetic = made_by(PERMITTED)
    result = lane.run([synthetic, student_of(lane, synthetic)])
    assert result.success
    assert lane.trained == ["student"]
    event = lane.instance.get_latest_materialization_event(dg.AssetKey("student"))
    assert event is not None
    assert event.asset_materialization is not None
    metadata = event.asset_materialization.metadata
    assert metadata["lineage_guard/decision"].value == "ALLOWED"
    assert metadata["lineage_guard/closure_size"].value == 1
    [decision] = lane.ledger.decisions("default", "student", 10)
    assert decision["decision"] == "ALLOW"


@pytest.mark.parametrize("root", [made_by(UNHEARD_OF), undeclared()], ids=["unknown model", "undeclared root"])
def test_what_is_not_known_blocks(root: dg.AssetsDefinition, lane: Lane) -> None:
    result = lane.run([root, curated := curated_from(root), student_of(lane, curated)])
    assert lane.trained == []
    text = failure_of(result, "student").description or ""
    assert text.startswith("BLOCKED")
    assert root.key.to_user_string() in text


def test_a_model_without_a_channel_says_that_the_channel_is_missing(lane: Lane) -> None:
    synthetic = made_by(ModelSource("openai", "gpt-4o"))
    result = lane.run([synthetic, student_of(lane, synthetic)])
    assert lane.trained == []
    assert not result.success


def test_training_without_any_upstream_blocks(lane: Lane) -> None:
    result = lane.run([student_of(lane)])
    assert lane.trained == []
    assert "INCOMPLETE_PROVENANCE" in (failure_of(result, "student").description or "")


def test_an_upstream_that_was_never_made_blocks(lane: Lane) -> None:
    human = written_by_people()
    result = lane.run([human, student_of(lane, human)], selection=["student"])
    assert lane.trained == []
    assert "NO_PROVENANCE" in (failure_of(result, "student").description or "")


def test_training_alone_in_a_later_run_is_gated_too(lane: Lane) -> None:
    synthetic = made_by(RESTRICTED)
    assets = [synthetic, curated := curated_from(synthetic), student_of(lane, curated)]
    assert lane.run(assets, selection=["synthetic", "curated"]).success
    assert not lane.run(assets, selection=["student"]).success
    assert lane.trained == []


def test_making_the_source_again_does_not_clean_what_was_made_from_it(lane: Lane) -> None:
    first = made_by(RESTRICTED)
    assert lane.run([first, curated_from(first)]).success
    second = made_by(PERMITTED)
    assets = [second, curated := curated_from(second), student_of(lane, curated)]
    assert lane.run(assets, selection=["synthetic"]).success
    assert not lane.run(assets, selection=["student"]).success
    assert lane.trained == []
    # Rebuilding what was made from it does.
    assert lane.run(assets, selection=["curated"]).success
    assert lane.run(assets, selection=["student"]).success
    assert lane.trained == ["student"]


def test_what_the_step_itself_declares_counts(lane: Lane) -> None:
    from lineage_guard import declare

    human = written_by_people()
    result = lane.run([human, student_of(lane, human, metadata=declare(RESTRICTED))])
    assert lane.trained == []
    assert "gpt-4o" in (failure_of(result, "student").description or "")


def test_a_trained_model_carries_its_ancestry_on(lane: Lane) -> None:
    synthetic = made_by(RESTRICTED)
    teacher = student_of(lane, synthetic, name="teacher", use="evaluate")
    distilled = curated_from(teacher, name="distilled")
    lane.run([synthetic, teacher, distilled, student_of(lane, distilled)])
    assert lane.trained == ["teacher"]


def test_another_use_of_the_same_data_is_another_question(lane: Lane) -> None:
    synthetic = made_by(RESTRICTED)
    lane.run(
        [
            synthetic,
            student_of(lane, synthetic, name="rival"),
            student_of(lane, synthetic, name="sorter", use="train_internal_classifier"),
            student_of(lane, synthetic, name="grader", use="evaluate"),
        ]
    )
    assert sorted(lane.trained) == ["grader", "sorter"]


def test_a_public_artefact_is_followed_through_the_catalog(lane: Lane) -> None:
    tainted = dg.AssetSpec("smoltalk", metadata=source(artefact="HuggingFaceTB/smoltalk"))
    clean = dg.AssetSpec("s1k", metadata=source(artefact="simplescaling/s1K-1.1"))
    unheard = dg.AssetSpec("nobody", metadata=source(artefact="nobody/has-this-data"))

    def student(parent: dg.AssetSpec) -> dg.AssetsDefinition:
        @dg.asset(name=f"on_{parent.key.path[0]}", deps=[parent.key], tags=training())
        def trains() -> None:
            lane.mark(parent.key.path[0])

        return trains

    result = lane.run([tainted, clean, unheard, student(tainted), student(clean), student(unheard)])
    assert lane.trained == ["s1k"]
    assert "openai" in (failure_of(result, "on_smoltalk").description or "")
    assert "nobody/has-this-data" in (failure_of(result, "on_nobody").description or "")


def test_an_ephemeral_instance_sees_its_own_run_and_nothing_else(lane: Lane) -> None:
    def materialize(model: ModelSource, selection: list[str]) -> bool:
        synthetic = made_by(model)
        guarded = guard([synthetic, student_of(lane, synthetic)], ledger=lane.ledger_folder)
        return dg.materialize(guarded, selection=selection, raise_on_error=False).success

    assert not materialize(PERMITTED, ["student"])
    assert lane.trained == []
    assert not materialize(RESTRICTED, ["synthetic", "student"])
    assert lane.trained == []
    assert materialize(PERMITTED, ["synthetic", "student"])
    assert lane.trained == ["student"]


def break_ledger_with_a_file(lane: Lane) -> None:
    lane.ledger_folder.write_text("not a folder")


def break_ledger_by_damage(lane: Lane) -> None:
    synthetic = made_by(PERMITTED)
    assert lane.run([synthetic]).success
    assert lane.run([synthetic, student_of(lane, synthetic, name="before")], selection=["before"]).success
    batches = [p for p in lane.ledger_folder.rglob("*") if p.is_file() and p.stat().st_size]
    assert batches
    for path in batches:
        path.chmod(0o600)
        path.write_bytes(path.read_bytes()[:-20])


def forget_ledger(lane: Lane) -> None:
    lane.arguments["ledger"] = None


def break_policy(lane: Lane) -> None:
    path = lane.folder / "policy.yaml"
    path.write_text("rules: [")
    lane.arguments["policy"] = path


@pytest.mark.parametrize("break_it", [break_ledger_with_a_file, break_ledger_by_damage, forget_ledger, break_policy])
def test_a_guard_that_cannot_see_blocks(break_it, lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.delenv("LINEAGE_GUARD_LEDGER", raising=False)
    break_it(lane)
    synthetic = made_by(PERMITTED)
    result = lane.run([synthetic, student_of(lane, synthetic)])
    assert "student" not in lane.trained
    text = failure_of(result, "student").description or ""
    assert text.startswith("BLOCKED")
    assert "GUARD_CANNOT_SEE" in text
    assert "The guard could not" in text
    if break_it is break_policy:  # the ledger is well, so it keeps the decision
        [decision] = lane.ledger.decisions("default", "student", 10)
        assert decision["decision"] == "BLOCK"


def test_filed_evidence_that_fails_blocks_even_where_the_policy_allows(lane: Lane) -> None:
    from lineage_guard.catalog import load_catalog, load_policy
    from lineage_guard.dagster.collect.collect import collect
    from lineage_guard.domain.lineage.closure import extend
    from lineage_guard.gx.lineage import lineage_evidence_key, run_lineage_suite

    synthetic = made_by(PERMITTED)
    student = student_of(lane, synthetic)
    assert lane.run([synthetic, student]).success
    # The evidence of the first run serves the second: same versions, same policy. File a failing one in its place.
    ledger, catalog = lane.ledger, load_catalog()
    graph = dg.Definitions(assets=[synthetic, student]).resolve_asset_graph()
    collect(lane.instance, graph, ledger, namespace="default", now=datetime.now(UTC))
    policy = load_policy("default", catalog)
    [version] = ledger.latest("default", "student")
    closure = extend(ledger.closure(ledger.productions([version])[version]), catalog.ancestry)
    now = datetime.now(UTC)
    key = lineage_evidence_key(closure, policy, "train_competing", catalog.terms.entries, now)
    passing = ledger.evidence(key)
    assert passing is not None
    assert passing.passes
    assert run_lineage_suite(closure, policy, "train_competing", catalog.terms.entries, now).passes
    failing = Evidence(
        suite=passing.suite,
        suite_digest=passing.suite_digest,
        subject_digest=passing.subject_digest,
        parameters_digest=passing.parameters_digest,
        success=False,
        evaluated=passing.evaluated,
        expected=passing.expected,
        at=now,
        failures=(FailedExpectation("expect_column_values_to_not_be_in_set", "terms", 1),),
    )
    ledger.put_evidence(failing)
    result = lane.run([synthetic, student], selection=["student"])
    assert lane.trained == ["student"]
    assert "EXPECTATIONS_FAILED" in (failure_of(result, "student").description or "")


def test_a_blocked_step_is_not_retried_and_a_flaky_one_is(lane: Lane) -> None:
    tainted, clean = made_by(RESTRICTED), made_by(PERMITTED, name="clean")
    retries = dg.RetryPolicy(max_retries=2)
    blocked = student_of(lane, tainted, name="blocked", retry_policy=retries)

    @dg.asset(deps=[clean.key], tags=training(), retry_policy=retries)
    def flaky() -> None:
        lane.mark("flaky")
        if len(lane.trained) < 2:
            raise ConnectionError("once")

    result = lane.run([tainted, clean, blocked, flaky])
    kinds = [e.event_type_value for e in result.all_events if e.step_key == "blocked"]
    assert kinds.count("STEP_FAILURE") == 1
    assert "STEP_UP_FOR_RETRY" not in kinds
    assert lane.trained == ["flaky", "flaky"]
    assert len(lane.ledger.decisions("default", "flaky", 10)) == 2


def test_a_waiver_lets_one_asset_through_and_says_so(lane: Lane) -> None:
    lane.arguments["waivers"] = [
        Waiver(
            id="w-1",
            rule="model-terms",
            asset="student",
            reason="agreement under negotiation",
            requested_by="a@example.org",
            approved_by="b@example.org",
            ticket="LEGAL-1",
            expires=datetime(2999, 1, 1, tzinfo=UTC),
            model="gpt-4o*",
        )
    ]
    synthetic = made_by(RESTRICTED)
    result = lane.run([synthetic, student_of(lane, synthetic), student_of(lane, synthetic, name="other")])
    assert lane.trained == ["student"]
    assert "Waived by" not in (failure_of(result, "other").description or "")
    event = lane.instance.get_latest_materialization_event(dg.AssetKey("student"))
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.metadata["lineage_guard/decision"].value == "WAIVED"


WAIVERS = """\
format: 1
waivers:
  - {id: w-1, rule: model-terms, asset: student, model: "gpt-4o*", reason_code: AGREEMENT_PENDING, reason: r,
     requested_by: ann, approved_by: bob, ticket: T-1, expires: 2999-01-01}
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (WAIVERS.replace("bob", "Ann"), "read the waivers: {path}:4:25: waiver 'w-1' is refused: Ann approved"),
        (WAIVERS.replace("2999", "2020"), "Waiver w-1 covered this until 2020-01-01."),
        (None, "the waivers cannot be read"),
    ],
    ids=["own approval", "ended", "gone"],
)
def test_waivers_come_from_a_file_that_is_read_when_it_matters(
    lane: Lane, tmp_path: Path, text: str | None, said: str
) -> None:
    file = tmp_path / "waivers.yaml"
    file.write_text(WAIVERS)
    synthetic = made_by(RESTRICTED)
    guarded = guard([synthetic, student_of(lane, synthetic)], ledger=lane.ledger_folder, waivers=str(file))
    file.unlink() if text is None else file.write_text(text)
    result = dg.materialize(guarded, instance=lane.instance, raise_on_error=False)
    assert lane.trained == []
    assert said.format(path=file) in (failure_of(result, "student").description or "")


def test_a_policy_file_of_ones_own_is_used(lane: Lane, tmp_path: Path) -> None:
    import lineage_guard.catalog

    shipped = Path(lineage_guard.catalog.__file__).parent / "policies" / "observe.yaml"
    policy = tmp_path / "mine.yaml"
    policy.write_text(shipped.read_text())
    lane.arguments["policy"] = policy
    synthetic = made_by(RESTRICTED)
    assert lane.run([synthetic, student_of(lane, synthetic)]).success
    assert lane.trained == ["student"]
