"""What verdicts, findings and policies answer of themselves; see docs/mutation.md."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import product

import pytest

from lineage_guard.domain.facts import Input, Production, Version
from lineage_guard.domain.lineage.closure import close
from lineage_guard.domain.rules.policy import Policy, ReasonCode
from lineage_guard.domain.rules.terms import TRAIN_COMPETING, FixedTerms
from lineage_guard.domain.verdict.decide import decide
from lineage_guard.domain.verdict.modes import Mode

OUT, A = Version("d", "out"), Version("d", "a")
UNKNOWN = decide(
    close(Production((OUT,), inputs=(Input(A),)), []),
    Policy("p", (), FixedTerms({})),
    (),
    TRAIN_COMPETING,
    datetime(2026, 11, 22, tzinfo=UTC),
)


@pytest.mark.parametrize(("stops", "mode"), list(product([True, False], Mode)))
def test_a_step_is_stopped_where_the_verdict_says_so_and_the_guard_enforces_it(stops, mode):
    assert replace(UNKNOWN, stops=stops, mode=mode).blocks is (stops and mode is Mode.ENFORCE)


@pytest.mark.parametrize("rule", ["suite:lineage", "suite:rows_provenance", "lineage", "no-rule"])
def test_only_a_failed_lineage_suite_says_again_what_the_rules_said(rule):
    restating = {r for r in ReasonCode if replace(UNKNOWN.findings[0], rule=rule, reason=r).restates}
    assert restating == ({ReasonCode.EXPECTATIONS_FAILED} if rule == "suite:lineage" else set())
