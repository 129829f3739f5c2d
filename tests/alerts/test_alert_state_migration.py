"""A state stored before there were groups and storms: read whole, and what was open then ends under the same id."""

from __future__ import annotations

import json
from pathlib import Path

from alerting import CLAUDE, GPT, TextLedger, at, verdict

from lineage_guard.alerts import Context, send
from lineage_guard.alerts.state import parse_state
from lineage_guard.domain.incidents.incident import Event

SAMPLE = (Path(__file__).parent / "samples" / "state_before_groups.json").read_text()
PROD = Context("prod")


def stored() -> TextLedger:
    return TextLedger({"alerts": SAMPLE})


def test_it_is_read_whole() -> None:
    raw = json.loads(SAMPLE)
    incidents, box, readable = parse_state(raw)
    assert readable
    assert len(incidents.by_id) == len(raw["incidents"]["incidents"]) == 4
    assert len(box.waiting) == len(raw["outbox"]["waiting"]) == 7
    blind, blocked = incidents.open
    assert (blind.targets, blocked.targets) == (("default:other",), ("default:student",))
    assert {p.target for p in incidents.seen} == {"default:student", "default:other", "default:third"}


def test_what_stood_then_pages_nobody_again_and_ends_under_the_id_it_began_with() -> None:
    ledger, sink = stored(), []

    class Keep:
        name = "keep"

        def send(self, alert: object) -> None:
            sink.append(alert)

    ids = {i["key"][2]: i for i in json.loads(SAMPLE)["incidents"]["incidents"] if not i["resolved"]}
    again = [verdict(20, GPT, partition=p, sources=("synth", "more")) for p in ("de", "en")]
    report = send([*again, verdict(20, blind=True, target="other")], [Keep()], ledger, at(20), PROD)
    assert report.notices == ()
    assert report.open == len(ids) == 2

    report = send([verdict(21, GPT, CLAUDE, target="third")], [Keep()], ledger, at(21), PROD)
    assert [(n.event, n.incident.key.audience) for n in report.notices] == [
        (Event.REOPEN, "default:third"),
        (Event.OPEN, ""),
    ]

    passed = [verdict(22, partition=p) for p in ("de", "en")]
    report = send([*passed, verdict(22, target="other")], [Keep()], ledger, at(22), PROD)
    opened = [w["incident"] for w in json.loads(SAMPLE)["outbox"]["alerts"].values() if w["event"] == "OPEN"]
    assert {n.incident.key.id for n in report.notices} <= set(opened)
    assert [n.event for n in report.notices] == [Event.RESOLVE, Event.RESOLVE]
    assert report.open == 2
