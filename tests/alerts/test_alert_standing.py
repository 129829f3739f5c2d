"""What stands now, over all code locations, as pages and metrics read it."""

from __future__ import annotations

from pathlib import Path

import pytest
from alerting import CLAUDE, GPT, at, verdict

from lineage_guard.alerts import Context, send
from lineage_guard.alerts.standing import standing
from lineage_guard.domain.errors import LedgerError
from lineage_guard.ledger import open_ledger


class Quiet:
    name = "quiet"

    def send(self, alert: object) -> None:
        pass


def test_every_location_is_seen_with_what_was_told_of_it(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    context = Context(owners={"student": ("team:ml",)})
    assert standing(ledger) == ()
    send([verdict(0, GPT, partition="de")], [Quiet()], ledger, at(0), context, state="alerts")
    send([verdict(1, CLAUDE, target="a/b")], [Quiet()], ledger, at(1), state="alerts-training jobs")
    ledger.store("alertness", {"not": "ours"})
    first, second = standing(open_ledger(tmp_path))
    assert (first.location, first.targets, first.places) == ("", ("default:student",), 1)
    assert (first.kind, first.reason, first.scope) == ("BLOCKED", "RESTRICTED_MODEL", ("default:synth",))
    assert first.alert is not None
    assert (first.alert.incident, first.alert.owners) == (first.id, ("team:ml",))
    assert (second.location, second.since) == ("training jobs", at(1))

    send([verdict(2, partition="de")], [Quiet()], ledger, at(2), context, state="alerts")
    assert [s.location for s in standing(ledger)] == ["training jobs"]


def test_a_state_nobody_understands_is_never_taken_for_nothing_stands(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.store("alerts-x", {"incidents": "?"})
    with pytest.raises(LedgerError, match="cannot be read"):
        standing(ledger)
