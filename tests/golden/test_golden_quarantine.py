"""Golden cases of quarantines, through the real catalog, policy and decide()."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from lineage_guard.catalog import Catalog, load_catalog, load_policy
from lineage_guard.domain.facts import Assertion, Completeness, Input, ModelSource, Production, Usage, Version
from lineage_guard.domain.lineage.closure import close, extend
from lineage_guard.domain.lineage.filtering import Filtered, Proven, cured, source_of
from lineage_guard.domain.verdict.decide import Decision, decide

CASES = yaml.safe_load(Path(__file__).with_name("quarantine.yaml").read_text("utf-8"))
NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


def model(said: dict[str, Any]) -> ModelSource:
    usage = Usage(said.get("usage", "GENERATION"))
    asserted = Assertion(said.get("asserted_by", "DECLARED"))
    return ModelSource(said["provider"], said["model"], channel=said["channel"], usage=usage, asserted_by=asserted)


def named(name: str) -> Version:
    return Version("default", name)


def production(name: str, step: dict[str, Any]) -> Production:
    return Production(
        (named(name),),
        inputs=tuple(Input(named(n)) for n in step.get("reads", [])),
        models=tuple(model(m) for m in step.get("models", [])),
        produced_at=datetime(2026, 6, 1, tzinfo=UTC),
        completeness=Completeness(step.get("completeness", "COMPLETE")),
    )


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["case"])
def test_quarantine(case: dict[str, Any], catalog: Catalog) -> None:
    made = {named(n): production(n, step) for n, step in case["steps"].items()}
    student = made.pop(named("student"))
    policy = load_policy("default", catalog)
    claims = [
        Filtered(
            named(part),
            ("default", claim["mixed"]),
            tuple(source_of(model(m)) for m in claim["taken_out"]),
            "sha256:rows",
        )
        for part, claim in case["claims"].items()
    ]
    proven = [Proven(c, f"sha256:{c.version.name}") for c in claims] if case.get("evidence", True) else []

    def productions(versions: Any) -> dict[Version, Production]:
        return {v: made[v] for v in versions if v in made}

    whole = close(student, made.values())
    closure, cures = cured(whole, student, productions, proven, policy.terms)
    assert [r.version for r in closure.reached] == [r.version for r in whole.reached]  # complete, and shown
    verdict = decide(extend(closure, catalog.ancestry), policy, (), "train_competing", NOW)
    assert verdict.decision is Decision(case["decision"]), [f.message for f in verdict.findings]
    if "path" in case:
        assert [v.name for v in verdict.findings[0].path] == case["path"]
    if "cured" in case:
        assert [c.version.name for c in cures] == case["cured"]
    # Without evidence the verdict is what it is without a quarantine: never looser.
    before = decide(extend(whole, catalog.ancestry), policy, (), "train_competing", NOW)
    unproven, nothing = cured(whole, student, productions, [], policy.terms)
    assert (unproven, nothing) == (whole, ())
    assert before.stops
