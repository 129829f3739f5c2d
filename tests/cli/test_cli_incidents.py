"""`lineage-guard incidents` and `lineage-guard runbook`: what stands, and what to do about it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pager import Pager

from lineage_guard.alerts import Context, send
from lineage_guard.cli import cli
from lineage_guard.domain.facts import ModelSource, Version
from lineage_guard.domain.rules.policy import ReasonCode
from lineage_guard.domain.rules.terms import Effect
from lineage_guard.domain.verdict.decide import Decision, Finding, Verdict
from lineage_guard.ledger import open_ledger

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


def blocked(target: str, *models: str) -> Verdict:
    version, synth = Version("default", target), Version("default", "synth")
    findings = tuple(
        Finding(
            "model-terms",
            ReasonCode.RESTRICTED_MODEL,
            Effect.BLOCK,
            "Its terms bind.",
            "Make it again.",
            synth,
            (version, synth),
            model=ModelSource("openai", m),
        )
        for m in models
    )
    return Verdict(
        Decision.BLOCK, True, version, "train_competing", AT, findings, (), "default", "sha256:p", "c", 1, "1:x"
    )


def test_what_stands_is_listed_one_is_shown_whole_and_a_storm_by_its_id(tmp_path: Path) -> None:
    place, sink, ledger = str(tmp_path), Pager(), open_ledger(tmp_path)
    quiet = run("incidents", "--ledger", place)
    assert (quiet.exit_code, quiet.output.split(":")[0]) == (0, "Nothing is open")
    assert "no sensor has told anything on this ledger yet" in quiet.output

    send([blocked(f"m{n}", "gpt-4o") for n in range(7)], [sink], ledger, AT, Context("prod"))
    shown = run("incidents", "--ledger", place)
    assert shown.exit_code == 1
    assert (
        "BLOCKED  7 assets (default:m0, default:m1, default:m2 and 4 more) would learn from openai/gpt-4o"
        in shown.output
    )
    assert "stops: default:m0, default:m1, default:m2, default:m3, default:m4 and 2 more" in shown.output
    (page,) = sink.alerts
    whole = run("incidents", page.incident, "--ledger", place)
    assert "default:m6" in whole.output
    assert page.text() in whole.output

    send([blocked("many", *map(str, range(11)))], [sink], ledger, AT, Context("prod"), state="alerts-two")
    storm = sink.alerts[-1]
    found = json.loads(run("incidents", storm.incident, "--json", "--ledger", place).output)["incidents"]
    assert {i["storm"] for i in found} == {storm.incident}
    assert len(found) == 11
    assert "Nothing that is open is called lg-nothing." in run("incidents", "lg-nothing", "--ledger", place).output


@pytest.mark.parametrize(
    ("about", "title"),
    [
        ("model-terms", "# A restricted model is upstream"),
        ("GUARD_CANNOT_SEE", "# The guard cannot see"),
        ("storm", "# Many incidents at once"),
        ("README", "# Runbooks"),
    ],
)
def test_a_runbook_is_printed_by_rule_reason_and_name(about: str, title: str) -> None:
    assert run("runbook", about).output.startswith(title)


def test_they_are_listed_with_their_titles() -> None:
    assert "guard-stale                   A sensor of the guard is silent" in run("runbook").output
