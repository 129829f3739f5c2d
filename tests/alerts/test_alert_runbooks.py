"""Every rule that is shipped, every reason and every other alert leads to a runbook, and a wheel holds them all."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from lineage_guard.alerts import runbooks
from lineage_guard.catalog import load_catalog, load_policy
from lineage_guard.domain.errors import ConfigError
from lineage_guard.domain.incidents.incident import OF_THE_GUARD
from lineage_guard.domain.rules.policy import ReasonCode, Subject
from lineage_guard.domain.verdict.decide import GUARD_CANNOT_SEE, NO_RULE

ROOT = Path(__file__).parents[2]
SHIPPED = ("default", "strict", "research", "observe")
OF_SUBJECT = {
    Subject.MODEL: {"RESTRICTED_MODEL"},
    Subject.UNRESOLVED: {"UNKNOWN_MODEL", "UNKNOWN_CHANNEL", "UNKNOWN_TERMS"},
    Subject.GAP: {"NO_PROVENANCE", "INCOMPLETE_PROVENANCE"},
    Subject.LICENSE: {"RESTRICTED_LICENSE"},
}
OBSERVED = {r.value for r in ReasonCode if r.value.startswith(("OBSERVED_", "INFERRED_"))}


@pytest.mark.parametrize("policy", SHIPPED)
def test_each_shipped_rule_leads_to_the_runbooks_of_what_it_finds(policy: str) -> None:
    listed = runbooks.rules()
    for rule in load_policy(policy, load_catalog()).rules:
        reasons = set(listed[rule.id])
        # A rule on observations says itself which of them it speaks of.
        expected = OF_SUBJECT.get(rule.on) or (reasons & OBSERVED)
        assert reasons == expected, f"{rule.id} finds {expected}"
        assert set(runbooks.about(rule.id)) == {runbooks.name_of(ReasonCode(r)) for r in reasons} | (
            {rule.id} & set(runbooks.names())
        )


@pytest.mark.parametrize(
    "rule", [NO_RULE.id, GUARD_CANNOT_SEE.id, *sorted(OF_THE_GUARD), "suite:lineage", "suite:rows"]
)
def test_each_rule_of_the_guard_itself_leads_to_one(rule: str) -> None:
    for name in runbooks.about(rule):
        assert "## What to do" in runbooks.text(name)


@pytest.mark.parametrize("name", runbooks.names())
def test_each_says_what_it_means_what_to_do_and_when_it_is_over(name: str) -> None:
    text = runbooks.text(name)
    for heading in ("## What it means", "## What to do", "## When it is over"):
        assert heading in text
    assert f"({name}.md)" in runbooks.text("README"), "the index lists it"


def test_the_index_lists_nothing_that_is_not_there() -> None:
    linked = re.findall(r"\(([a-z-]+)\.md\)", runbooks.text("README"))
    assert sorted(linked) == list(runbooks.names())


def test_a_name_a_code_and_a_rule_are_found_and_anything_else_is_an_error_that_lists_them() -> None:
    assert runbooks.about("RESTRICTED_MODEL") == runbooks.about("restricted-model.md") == ("restricted-model",)
    assert runbooks.about("model-terms") == ("restricted-model",)
    assert runbooks.about("guard-stale") == ("guard-stale", "guard-cannot-see")
    with pytest.raises(ConfigError, match="restricted-model"):
        runbooks.about("../secrets")
    with pytest.raises(ConfigError, match="no runbook"):
        runbooks.text("../../pyproject")


def test_the_wheel_holds_them() -> None:
    built = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert built["force-include"]["docs/runbooks"] == "lineage_guard/alerts/runbook_texts"
