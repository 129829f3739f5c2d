"""A ledger with a trained version that has everything a report can show. Deterministic: the same bytes each time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from lineage_guard.catalog import load_catalog, load_policy
from lineage_guard.dagster.gate.gate import record, upstream
from lineage_guard.domain.facts import (
    Acknowledgement,
    Completeness,
    Input,
    License,
    ModelSource,
    Production,
    Usage,
    Version,
)
from lineage_guard.domain.rules.waivers import Waiver, WaiverReason
from lineage_guard.domain.verdict.attested import Attestation, Demand
from lineage_guard.domain.verdict.decide import Verdict, decide
from lineage_guard.domain.verdict.evidence import Evidence
from lineage_guard.domain.verdict.runs import AssetRun, ParentRun, RunState
from lineage_guard.ledger import Ledger, open_ledger
from lineage_guard.ledger.archive.attesting import Attestations
from lineage_guard.ledger.asking.past import Past, as_of
from lineage_guard.openlineage.encode import event_of
from lineage_guard.report.compiling import Rulebook, compile_report
from lineage_guard.report.contents import Report, WaiverText

DAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
#: What somebody would name a dataset to get into the page of an auditor.
HOSTILE = "raw/<script>alert('x')</script>\"'&{{7*7}}"
RUN = {name: f"019b76da-a800-7503-85d6-56f48500000{n}" for n, name in enumerate("abcdef", 1)}
SYNTHETIC = Version("default", "synthetic", None, RUN["a"])
LETTERS = Version("default", HOSTILE, "2026|de", RUN["b"])
CURATED = Version("default", "curated", None, RUN["c"])
STUDENT = Version("default", "student", None, RUN["d"])
LATER = Version("default", "student", None, RUN["e"])
UNJUDGED = Version("default", "unjudged", None, RUN["f"])
PUBLIC = Version("huggingface", "HuggingFaceTB/smoltalk")
GPT = ModelSource("openai", "gpt-4o-2024-08-06", channel="api.openai.com")
LLAMA = ModelSource("meta", "meta-llama/Llama-3.1-8B-Instruct", channel="self-hosted", usage=Usage.REWRITE)
WAIVER = Waiver(
    id="w-student",
    rule="model-terms",
    asset="student",
    reason="an agreement is being signed <b>now</b>",
    requested_by="ada@example.com",
    approved_by="grace@example.com",
    ticket="LEGAL-7",
    expires=datetime(2026, 9, 1, tzinfo=UTC),
    model="gpt-4o*",
    code=WaiverReason.AGREEMENT_PENDING,
)
TEXT = WaiverText(WAIVER, approved_on=date(2026, 2, 20))
MADE = {
    SYNTHETIC: Production((SYNTHETIC,), models=(GPT, LLAMA), produced_at=DAY),
    LETTERS: Production(
        (LETTERS,),
        produced_at=DAY,
        licenses=(
            License("CC-BY-4.0", url="javascript:alert(1)", obligations=("name the authors",)),
            License("LicenseRef-House-Rules", Acknowledgement.CONCLUDED),
        ),
    ),
    CURATED: Production(
        (CURATED,),
        inputs=(Input(SYNTHETIC), Input(LETTERS), Input(PUBLIC)),
        produced_at=DAY + timedelta(hours=1),
        completeness=Completeness.COMPLETE,
    ),
    STUDENT: Production((STUDENT,), inputs=(Input(CURATED),), produced_at=DAY + timedelta(hours=3)),
    LATER: Production((LATER,), inputs=(Input(CURATED),), produced_at=DAY + timedelta(days=9)),
    UNJUDGED: Production((UNJUDGED,), inputs=(Input(LETTERS),), produced_at=DAY + timedelta(days=9)),
}


class Clock:
    """The writer's clock; told what to say."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def finished(version: Version, verdict: Verdict | None = None) -> dict:
    made = MADE[version]
    run = AssetRun(
        run_id=version.run,
        state=RunState.COMPLETE,
        at=made.produced_at,
        job_namespace=version.namespace,
        job_name=version.name,
        production=made,
        verdict=verdict,
    )
    return event_of(run, producer="https://example.com/producer", engine_version="1.13.0")


def verdict_on(ledger: Ledger, version: Version, at: datetime, policy: str = "default") -> Verdict:
    catalog = load_catalog()
    rules = load_policy(policy, catalog)
    closure, _ = upstream(MADE[version], ledger, rules.terms, catalog.ancestry)
    return decide(closure, rules, (WAIVER,), "train_competing", at)


def fill(place: Path) -> Ledger:
    """Four days: data, a judged training, a verdict of the sensor, and a later training that nobody asked about."""
    clock = Clock(DAY)
    ledger = open_ledger(place, clock)
    ledger.append([finished(SYNTHETIC), finished(LETTERS)])
    clock.now = DAY + timedelta(hours=1)
    ledger.append([finished(CURATED)])
    clock.now = at = DAY + timedelta(hours=2)
    verdict = verdict_on(ledger, STUDENT, at)
    Attestations(ledger.archive).demand(Demand("default", "curated", "rows", "rows", "sha256:suite", "here"))
    Attestations(ledger.archive).file(Attestation(CURATED, "rows", evidence("rows", "sha256:rows", at)))
    ledger.put_evidence(evidence("lineage", verdict.closure_digest, at))
    parent = ParentRun("019b76da-a800-7503-85d6-56f4850000ff", "default", "train")
    record(verdict, MADE[STUDENT], parent, at, ledger)
    clock.now = DAY + timedelta(hours=3)
    ledger.append([finished(STUDENT)])
    clock.now = DAY + timedelta(days=3)
    ledger.append([finished(STUDENT, verdict_on(ledger, STUDENT, clock.now, "strict"))])
    clock.now = DAY + timedelta(days=9)
    ledger.append([finished(LATER), finished(UNJUDGED)])
    return ledger


def evidence(suite: str, subject: str, at: datetime) -> Evidence:
    return Evidence(suite, "sha256:suite", subject, "sha256:fed", success=True, evaluated=4, expected=4, at=at)


def past_of(ledger: Ledger, at: datetime | None = None, name: str = "student") -> Past:
    return as_of(ledger.archive, at, name)


def report_on(
    ledger: Ledger,
    version: Version = STUDENT,
    at: datetime | None = None,
    policy: str = "default",
    waivers: tuple[WaiverText, ...] = (TEXT,),
    use: str | None = None,
) -> Report:
    catalog = load_catalog()
    rules = load_policy(policy, catalog)
    rulebook = Rulebook(rules, catalog.ancestry, catalog.digest, waivers, use)
    return compile_report(past_of(ledger, at, version.name), version, rulebook, upstream)
