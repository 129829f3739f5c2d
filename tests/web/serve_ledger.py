"""A ledger with what the path view shows: every decision, hostile names, more verdicts than one page holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from starlette.applications import Starlette

from lineage_guard.catalog import load_catalog, load_policy, load_waivers
from lineage_guard.dagster.gate.gate import record
from lineage_guard.domain.facts import Input, License, ModelSource, Production, Version
from lineage_guard.domain.verdict.decide import Verdict, decide
from lineage_guard.domain.verdict.runs import AssetRun, ParentRun, RunState
from lineage_guard.explaining.answering import upstream
from lineage_guard.ledger import Ledger, open_ledger
from lineage_guard.openlineage.encode import event_of
from lineage_guard.web.access import Access
from lineage_guard.web.app import app
from lineage_guard.web.contents import Rules
from lineage_guard.web.monitoring import monitoring
from lineage_guard.web.site import Site

DAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NOW = DAY + timedelta(days=2)
#: What somebody would name a dataset to get a script into the page of whoever is on call.
HOSTILE = "raw/<script>hacked=1</script><img src=x onerror=hacked=1>\"'&{{7*7}}javascript:hacked=1"
#: Turned around, invisible, and half a character.
TURNED = "raw/safe\u202egnp.exe\u200b\u2066x"
LONG = "raw/" + "long<b>" * 1430
GPT = ModelSource("openai", "gpt-4o-2024-08-06", channel="api.openai.com")
QWEN = ModelSource("huggingface", "Qwen/Qwen2.5-7B-Instruct", channel="self-hosted")
MANY = 60


def run_id(n: int) -> str:
    return f"019b76da-a800-7503-85d6-{n:012x}"


def version(name: str, n: int, partition: str | None = None) -> Version:
    return Version("default", name, partition, run_id(n))


SYNTHETIC = version("synthetic/answers", 1)
CLEAN = version("synthetic/clean", 2)
ODD = version(HOSTILE, 3, "2026|<de>")
RTL = version(TURNED, 4)
ENDLESS = version(LONG, 5)
CURATED = version("curated/mixed", 6)
STUDENT = version("models/student", 7)
ALLOWED = version("models/clean", 8)
WAIVED = version("models/waived", 9)
ORPHAN = version("models/orphan", 10)
EVIL = version("models/" + HOSTILE, 11, "2026|<de>")
MISSING = Version("default", "raw/nobody-knows", None, run_id(99))
MADE = {
    SYNTHETIC: Production((SYNTHETIC,), models=(GPT,), produced_at=DAY),
    CLEAN: Production((CLEAN,), models=(QWEN,), produced_at=DAY, licenses=(License("Apache-2.0"),)),
    ODD: Production((ODD,), models=(GPT,), produced_at=DAY),
    RTL: Production((RTL,), models=(GPT,), produced_at=DAY),
    ENDLESS: Production((ENDLESS,), models=(GPT,), produced_at=DAY),
    CURATED: Production(
        (CURATED,),
        inputs=tuple(map(Input, (SYNTHETIC, CLEAN, ODD, RTL, ENDLESS))),
        produced_at=DAY + timedelta(hours=1),
    ),
    STUDENT: Production((STUDENT,), inputs=(Input(CURATED),)),
    ALLOWED: Production((ALLOWED,), inputs=(Input(CLEAN),), produced_at=DAY + timedelta(hours=3)),
    WAIVED: Production((WAIVED,), inputs=(Input(SYNTHETIC),), produced_at=DAY + timedelta(hours=3)),
    ORPHAN: Production((ORPHAN,), inputs=(Input(MISSING),)),
    EVIL: Production((EVIL,), inputs=(Input(ODD),)),
}
WAIVERS = """\
format: 1
waivers:
  - id: w-waived
    rule: model-terms
    asset: models/waived
    model: gpt-4o*
    reason_code: AGREEMENT_PENDING
    reason: an agreement is being signed <b>now</b>
    requested_by: ada@example.com
    requested_on: 2026-02-19
    approved_by: grace@example.com
    approved_on: 2026-02-20
    ticket: LEGAL-7
    expires: 2026-09-01
"""


def finished(which: Version, verdict: Verdict | None = None, made: Production | None = None) -> dict[str, Any]:
    made = made or MADE[which]
    run = AssetRun(
        run_id=which.run or "",
        state=RunState.COMPLETE,
        at=made.produced_at or DAY,
        job_namespace=which.namespace,
        job_name=which.name,
        production=made,
        verdict=verdict,
    )
    return event_of(run, producer="https://example.com/producer", engine_version="1.13.0")


def fill(folder: Path) -> Ledger:
    """Fill a ledger in a folder, with the file of waivers beside it."""
    waivers = folder / "waivers.yaml"
    waivers.write_text(WAIVERS, "utf-8")
    ledger = open_ledger(folder / "ledger")
    catalog = load_catalog()
    rules = load_policy("default", catalog)
    ledger.append([finished(v) for v in (SYNTHETIC, CLEAN, ODD, RTL, ENDLESS)])
    ledger.append([finished(CURATED)])

    def judged(production: Production, at: datetime) -> Verdict:
        closure, _ = upstream(production, ledger, rules.terms, catalog.ancestry)
        return decide(closure, rules, load_waivers(waivers), "train_competing", at)

    at = DAY + timedelta(hours=2)
    parent = ParentRun("019b76da-a800-7503-85d6-56f4850000ff", "default", "train")
    for stopped in (STUDENT, ORPHAN, EVIL):
        record(judged(MADE[stopped], at), MADE[stopped], parent, at, ledger)
    ledger.append([finished(v, judged(MADE[v], at)) for v in (ALLOWED, WAIVED)])
    ledger.compact()
    events = []
    allowed = judged(MADE[ALLOWED], at)
    for n in range(MANY):
        which, hour = version("models/many", 1000 + n, f"day-{n:02}"), DAY + timedelta(hours=4, minutes=n)
        made = Production((which,), inputs=(Input(CLEAN),), produced_at=hour)
        events.append(finished(which, replace(allowed, target=which, at=hour), made))
    ledger.append(events)
    return ledger


def site(ledger: Ledger, waivers: Path | None = None) -> Site:
    catalog = load_catalog()
    rules = Rules(catalog, load_policy("default", catalog), waivers)
    return Site(ledger, rules, lambda: NOW, dagster_url="https://dagster.example.com")


def application(ledger: Ledger, access: Access | None = None, waivers: Path | None = None, **more: Any) -> Starlette:
    made = site(ledger, waivers)
    return app(made, access or Access(), routes=monitoring(ledger, made.clock), **more)
