"""Verdicts for the alert tests, made by `decide()` itself, and a ledger state that survives as JSON text."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from lineage_guard.domain.errors import LedgerError
from lineage_guard.domain.facts import Completeness, Input, ModelSource, Production, Version
from lineage_guard.domain.lineage.closure import close
from lineage_guard.domain.rules.policy import Match, Policy, ReasonCode, Rule, Subject
from lineage_guard.domain.rules.terms import TRAIN_COMPETING, Confidence, Effect, FixedTerms, Terms
from lineage_guard.domain.rules.waivers import Waiver
from lineage_guard.domain.verdict.decide import Verdict, decide

T0 = datetime(2026, 11, 1, 12, tzinfo=UTC)
GPT = ModelSource("openai", "gpt-4o", channel="api.openai.com")
CLAUDE = ModelSource("anthropic", "claude-x", channel="api.anthropic.com")


def _terms(name: str) -> Terms:
    return Terms(
        id=f"{name}-api",
        provider=name,
        kind="hosted_service",
        license="LicenseRef-x",
        effects={TRAIN_COMPETING: Effect.BLOCK},
        summary="Output may not train competing models.",
        url=f"https://{name}.example/terms",
        confidence=Confidence.VERIFIED,
    )


TERMS = FixedTerms({GPT.model: (_terms("openai"),), CLAUDE.model: (_terms("anthropic"),)})
POLICY = Policy(
    "test",
    rules=(
        Rule("restricted-model", Subject.MODEL, None, "Terms bind.", "Make the data again.", Match()),
        Rule("no-gaps", Subject.GAP, Effect.UNKNOWN, "Missing is not clean.", "Declare it.", Match()),
    ),
    terms=TERMS,
    digest="sha256:p",
)


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


def verdict(
    minutes: float = 0,
    *models: ModelSource,
    target: str = "student",
    partition: str | None = None,
    sources: tuple[str, ...] = ("synth",),
    gap: bool = False,
    blind: bool = False,
    waivers: tuple[Waiver, ...] = (),
    policy: Policy = POLICY,
) -> Verdict:
    """The verdict on a training asset that reads `sources`, each made by `models`."""
    versions = [Version("default", s, None, f"run-{s}") for s in sources]
    made = [
        Production((v,), models=models, completeness=Completeness.INCOMPLETE if gap else Completeness.COMPLETE)
        for v in versions
    ]
    step = Production((Version("default", target, partition, f"r{minutes}"),), inputs=tuple(Input(v) for v in versions))
    closure = close(step, made)
    if blind:
        closure = replace(closure, blind=("The event log could not be read.",))
    return decide(closure, policy, waivers, TRAIN_COMPETING, at(minutes))


@dataclass
class TextLedger:
    """Keeps states as JSON text, as a ledger does: what is not JSON cannot hide in it."""

    texts: dict[str, str] = field(default_factory=dict)
    writes: int = 0
    broken: bool = False

    def load(self, name: str) -> dict[str, Any] | None:
        if self.broken:
            raise LedgerError("it is gone", fix="bring it back")
        return json.loads(self.texts[name]) if name in self.texts else None

    def swap(self, name: str, old: dict[str, Any] | None, new: dict[str, Any]) -> bool:
        if self.broken:
            raise LedgerError("it is gone", fix="bring it back")
        if self.load(name) != old:
            return False
        self.writes += 1
        self.texts[name] = json.dumps(new)
        return True


__all__ = ["CLAUDE", "GPT", "POLICY", "T0", "ReasonCode", "TextLedger", "at", "verdict"]
