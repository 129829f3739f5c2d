"""What an incident is called, where no model is at fault."""

from __future__ import annotations

from dataclasses import replace

from alerting import verdict

from lineage_guard.domain.incidents.wording import title
from lineage_guard.domain.rules.policy import ReasonCode


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
