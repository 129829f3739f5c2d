"""What an incident is called, where no model is at fault, and what is said to have changed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from alerting import GPT, at, verdict

from lineage_guard.domain.facts import Version
from lineage_guard.domain.incidents.incident import GUARD_STALE, LEDGER_UNREACHABLE, Seen
from lineage_guard.domain.incidents.itself import trouble_with, verdict_on_itself
from lineage_guard.domain.incidents.wording import changed, several, title
from lineage_guard.domain.rules.policy import ReasonCode
from lineage_guard.domain.verdict.decide import Decision, Verdict
from lineage_guard.domain.verdict.evidence import Evidence, findings_of
from lineage_guard.domain.verdict.modes import Mode


def test_a_gap_upstream_is_data_of_unknown_provenance():
    found = verdict(gap=True)
    assert title(found.findings[0], ["default:student"], found) == (
        "default:student would learn from default:synth, of unknown provenance"
    )


def test_a_barred_licence_is_no_unknown_provenance():
    found = verdict(gap=True)
    barred = replace(found.findings[0], reason=ReasonCode.RESTRICTED_LICENSE, rule="no-nc")
    assert title(barred, ["default:student", "default:judge"], found) == (
        "2 assets (default:student and default:judge) would learn from default:synth, whose licence rule no-nc bars"
    )


def test_an_asset_that_names_no_input_does_not_learn_from_itself():
    found = verdict(gap=True)
    own = replace(found.findings[0], subject=found.target)
    assert title(own, ["default:student"], found) == "default:student does not say all that it would learn from"


TWO = ["default:student", "default:judge"]
SUITE = Evidence("rows", "s", "d", "p", success=False, evaluated=0, expected=1, at=at(0), error="no engine")


def test_the_guard_speaks_of_itself() -> None:
    blind = verdict(blind=True)
    assert title(blind.findings[0], TWO, blind) == "The guard cannot see all lineage; training waits"
    watched = replace(blind, mode=Mode.OBSERVE)
    assert title(blind.findings[0], TWO, watched) == "The guard cannot see all lineage; training goes on"
    sensor = Version("sensor", "nlp", "dagster:1")
    stale = trouble_with(sensor, GUARD_STALE, "m", "f")
    assert title(stale, TWO, verdict_on_itself(sensor, at(0), stale)) == (
        "The guard's sensor of nlp is silent: gates still stop, but nobody is told"
    )


@pytest.mark.parametrize(
    ("targets", "mode", "said"),
    [
        (["default:student"], Mode.ENFORCE, "default:student is stopped by expectation suite:rows"),
        (["default:student"], Mode.OBSERVE, "default:student would be stopped by expectation suite:rows"),
        (TWO, Mode.ENFORCE, "2 assets (default:student and default:judge) are stopped by expectation suite:rows"),
        (TWO, Mode.OBSERVE, "2 assets (default:student and default:judge) would be stopped by expectation suite:rows"),
    ],
)
def test_a_suite_that_fails_stops_or_would_stop(targets: list[str], mode: Mode, said: str) -> None:
    clean = verdict()
    failed = replace(clean.joined(findings_of(SUITE, clean.target)), mode=mode)
    assert title(failed.findings[0], targets, failed) == said


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("", ""),
        ("a", "a"),
        ("ab", "2 assets (a and b)"),
        ("abc", "3 assets (a, b and c)"),
        ("abcd", "4 assets (a, b, c and 1 more)"),
    ],
)
def test_the_first_three_are_named(names: str, said: str) -> None:
    assert several(list(names)) == said


PASSED = Seen(at(-60), at(-60), "sha256:p", "", "test")
SINCE = "since it last passed (2026-11-01T11:00:00+00:00)"


def since(found: Verdict, **before: object) -> str:
    return changed(found, replace(replace(PASSED, closure=found.closure_digest), **before))


def test_what_changed_since_it_last_passed() -> None:
    found = verdict(0, GPT)
    assert changed(found, None) == changed(found, Seen(at(0))) == "No earlier verdict on it is known that let it pass."
    assert since(found, policy="sha256:q") == (f"The policy or its terms changed {SINCE}; the lineage is the same.")
    assert since(found, policy="sha256:q", policy_name="") == since(found, policy="sha256:q")
    assert since(found, closure="other") == f"The lineage changed {SINCE}; policy and terms are the same."
    assert since(found, closure="other", policy="sha256:q") == (
        f"The policy or its terms and the lineage both changed {SINCE}."
    )
    assert since(found, closure="other", waivers=("w2", "w1")) == (
        f"The lineage changed {SINCE}; policy and terms are the same. "
        "It passed under waiver w1, w2, which covers it no more."
    )
    assert since(replace(found, waivers=("w1",)), closure="other", policy="sha256:q", waivers=("w1", "w2")) == (
        f"The policy or its terms and the lineage both changed {SINCE}. "
        "It passed under waiver w2, which covers it no more."
    )
    assert since(found, waivers=("w2", "w1")) == (
        f"Lineage, policy and terms are the same {SINCE}: waiver w1, w2 ended or was taken back."
    )
    assert since(found) == f"Lineage, policy and terms are the same {SINCE}: a waiver ended or the guard sees less."


def test_where_nothing_changed_but_a_suite_that_is_what_is_said() -> None:
    clean = verdict()
    failed = clean.joined(findings_of(SUITE, clean.target))
    assert failed.decision is Decision.BLOCK
    assert since(failed) == f"Lineage, policy and terms are the same {SINCE}; an expectation suite now fails."
    unknown = replace(failed, decision=Decision.UNKNOWN)
    assert since(unknown).endswith(": a waiver ended or the guard sees less.")


def test_of_a_silent_sensor_no_lineage_changed() -> None:
    sensor = Version("sensor", "nlp", "dagster:1")
    found = verdict_on_itself(sensor, at(0), trouble_with(sensor, GUARD_STALE, "m", "f"))
    assert changed(found, PASSED) == changed(found, None) == "It was heard of before, and is not any more."


def test_of_a_ledger_that_cannot_be_used_nothing_is_known_to_have_changed() -> None:
    ledger = Version("ledger", "s3://bucket/ledger")
    found = verdict_on_itself(ledger, at(0), trouble_with(ledger, LEDGER_UNREACHABLE, "m", "f"))
    assert changed(found, PASSED) == changed(found, None) == ""
    assert title(found.findings[0], TWO, found) == (
        "The guard cannot use its ledger s3://bucket/ledger: training that it gates is stopped"
    )
