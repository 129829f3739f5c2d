"""Settings that nobody would read are told: a pager whose variable is misspelt must not be taken for one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lineage_guard.alerts import destinations
from lineage_guard.alerts.routes.misread import SINKS, misread

DOCS = Path(__file__).parents[2] / "docs" / "alerts.md"


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("LINEAGE_GUARD_PAGERDUTY_KEY", "LINEAGE_GUARD_PAGERDUTY_ROUTING_KEY or LINEAGE_GUARD_PAGERDUTY_URL"),
        ("LINEAGE_GUARD_SNS_TOPIC", "LINEAGE_GUARD_SNS_TOPIC_ARN"),
        ("LINEAGE_GUARD_ALERT_ROUTE", "LINEAGE_GUARD_ALERT_ROUTES"),
        ("LINEAGE_GUARD_WEBHOOKS_URL", ""),
    ],
)
def test_a_misspelt_variable_is_told_with_what_was_meant_and_without_its_value(name: str, fix: str) -> None:
    to = destinations({name: "hunter2"})
    if not fix:
        assert to.problems == (), "what does not begin like one of ours may be anybody's"
        return
    [problem] = to.problems
    assert str(problem) == f"environment: {name} is set, and nothing reads it. To fix: write {fix}, or unset it"
    assert [s.name for s in to] == ["log"], "what is right goes on"


def test_a_variable_that_the_routes_name_is_read(tmp_path: Path) -> None:
    routes = tmp_path / "routes.yaml"
    routes.write_text(
        "format: 1\nsinks:\n  nlp: {kind: pagerduty, routing_key_env: LINEAGE_GUARD_PAGERDUTY_NLP}\n"
        "routes:\n  - sinks: [nlp]\n"
    )
    given = {"LINEAGE_GUARD_ALERT_ROUTES": str(routes), "LINEAGE_GUARD_PAGERDUTY_NLP": "0" * 32}
    assert destinations(given).problems == ()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("LINEAGE_GUARD_STORM_LIMIT", "plenty", "is not a number"),
        ("LINEAGE_GUARD_SERVE_URL", "lineage.example.com", "is not an http or https URL"),
        ("LINEAGE_GUARD_DAGSTER_URL", "javascript:x", "is not an http or https URL"),
    ],
)
def test_a_value_that_cannot_be_right_is_told_and_stops_nothing(name: str, value: str, said: str) -> None:
    [problem] = destinations({name: value}).problems
    assert problem.what == f"{name} {said}"
    assert problem.fix
    assert value not in str(problem)


def test_what_is_right_or_unset_is_no_problem() -> None:
    given = {"LINEAGE_GUARD_STORM_LIMIT": "3", "LINEAGE_GUARD_SERVE_URL": "https://x", "LINEAGE_GUARD_DAGSTER_URL": ""}
    assert misread({**given, "LINEAGE_GUARD_LEDGER": "x", "PATH": "y"}) == []


def test_the_page_lists_exactly_these() -> None:
    table = set(re.findall(r"^\| `(LINEAGE_GUARD_\w+)`", DOCS.read_text("utf-8"), re.MULTILINE))
    assert set(SINKS) <= table
    assert {name for name in table - set(SINKS) if misread({name: "1"}) and not name.endswith("_URL")} == set()
