"""One run that fills in everything, in each of its states."""

from dataclasses import replace
from datetime import UTC, date, datetime

from lineage_guard.domain.facts import (
    Completeness,
    Influence,
    Input,
    License,
    LicenseScope,
    ModelSource,
    Pin,
    Production,
    Usage,
    Version,
)
from lineage_guard.domain.rules.policy import ReasonCode
from lineage_guard.domain.rules.terms import Confidence, Effect, Restriction, Terms
from lineage_guard.domain.verdict.decide import Decision, Finding, Verdict
from lineage_guard.domain.verdict.runs import AssetRun, CheckResult, ColumnEdge, ParentRun, RunState

PRODUCER = "https://github.com/lineage-guard/lineage-guard/tree/main"
ENGINE = "1.13.27"

SEED_RUN = "019b76da-a800-7503-85d6-56f485aac301"
SYNTHETIC_RUN = "019b76da-a800-7503-85d6-56f485aac302"
STUDENT_RUN = "019b76da-a800-7503-85d6-56f485aac303"
DAGSTER_RUN = "3f1c2a9e-5f0c-4a55-9a5e-0d3a35a6a7b1"
AT = datetime(2026, 11, 1, 8, 30, tzinfo=UTC)

SEEDS = Version("default", "seeds", None, SEED_RUN)
SYNTHETIC = Version("default", "synthetic/de", "2026-11-01", SYNTHETIC_RUN)
STUDENT = Version("default", "student", None, STUDENT_RUN)
GPT = ModelSource(
    "openai",
    "gpt-4o-2024-08-06",
    channel="api.openai.com",
    license="LicenseRef-OpenAI-Services-Agreement",
    fields=("response",),
    record_count=1200,
    generated_at=AT,
)
QWEN = ModelSource(
    "alibaba",
    "Qwen/Qwen2.5-7B-Instruct",
    channel="self-hosted",
    usage=Usage.FILTER,
    purl="pkg:huggingface/Qwen/Qwen2.5-7B-Instruct@a09a354",
)
TERMS = Terms(
    id="openai-api",
    provider="OpenAI",
    kind="hosted_service",
    license="LicenseRef-OpenAI-Services-Agreement",
    effects={"train_competing": Effect.BLOCK},
    restrictions=frozenset({Restriction.COMPETING_MODELS}),
    summary="Output may not be used to develop models that compete with OpenAI.",
    url="https://openai.com/policies/services-agreement/",
    effective_from=date(2025, 5, 31),
    confidence=Confidence.VERIFIED,
)


def synthetic_run(state: RunState = RunState.COMPLETE) -> AssetRun:
    """A table that GPT-4o wrote and Qwen filtered, from seed prompts."""
    return AssetRun(
        run_id=SYNTHETIC_RUN,
        state=state,
        at=AT,
        job_namespace="default",
        job_name="synthetic/de",
        production=Production(
            outputs=(SYNTHETIC,),
            inputs=(Input(SEEDS, Influence.DIRECT, Pin.EXACT),),
            models=(GPT, QWEN),
            produced_at=AT,
            licenses=(License("CC-BY-4.0", applies_to=LicenseScope.DATA),),
        ),
        parent=ParentRun(DAGSTER_RUN, "default", "nightly"),
        error="the model server went away" if state is RunState.FAIL else None,
        nominal=(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC)),
        columns=(("prompt", "VARCHAR"), ("response", "VARCHAR")),
        column_lineage=(ColumnEdge("prompt", SEEDS, "text"),),
        row_count=1200,
        byte_count=345678,
        checks=(CheckResult("not_null", True, "response"),),
        tags=(("domain", "support"),),
        owners=("team:data", "ana@example.com"),
        description="German support dialogues.",
        code_version="2",
        source=("dagster:prod", 4711),
    )


def verdict() -> Verdict:
    """The verdict on the student: GPT-4o upstream."""
    finding = Finding(
        rule="restricted-commercial-model",
        reason=ReasonCode.RESTRICTED_MODEL,
        effect=Effect.BLOCK,
        message="default:synthetic/de[2026-11-01] holds generation output of openai/gpt-4o-2024-08-06.",
        fix="Rebuild the table with a permitted model, or ask for a waiver.",
        subject=SYNTHETIC,
        path=(STUDENT, SYNTHETIC),
        model=GPT,
        terms=TERMS,
    )
    return Verdict(
        decision=Decision.BLOCK,
        stops=True,
        target=STUDENT,
        use="train_competing",
        at=AT,
        findings=(finding,),
        obligations=(),
        policy="default",
        policy_digest="sha256:1f0e",
        closure_digest="sha256:9a2c",
        closure_size=2,
        watermark="00000003",
    )


def blocked_run() -> AssetRun:
    """The training step that did not run."""
    return AssetRun(
        run_id=STUDENT_RUN,
        state=RunState.FAIL,
        at=AT,
        job_namespace="default",
        job_name="student",
        production=Production(
            outputs=(STUDENT,),
            inputs=(Input(SEEDS), Input(SYNTHETIC)),
            completeness=Completeness.COMPLETE,
        ),
        parent=ParentRun(DAGSTER_RUN, "default", "nightly"),
        error="Lineage Guard: training on restricted model output is blocked.",
        verdict=verdict(),
        enforced=True,
        took=0.2125,
        source=("dagster:prod", 4719),
    )


def all_runs() -> list[AssetRun]:
    allowed = replace(
        blocked_run(),
        state=RunState.COMPLETE,
        error=None,
        verdict=replace(verdict(), decision=Decision.ALLOW, stops=False, findings=()),
    )
    return [synthetic_run(state) for state in RunState] + [blocked_run(), allowed]
