from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from alerting import CLAUDE, GPT, POLICY, at, verdict

from lineage_guard.domain.incidents.incidents import Event, IncidentKind, Incidents, step
from lineage_guard.domain.rules.waivers import Waiver
from lineage_guard.domain.verdict.evidence import Evidence, FailedExpectation, findings_of


def events(notices):
    return [(n.event, n.page) for n in notices]


OPEN, WIDEN, REOPEN, RESOLVE = (Event.OPEN, True), (Event.WIDEN, False), (Event.REOPEN, False), (Event.RESOLVE, False)


def test_a_block_opens_one_incident_and_a_pass_ends_it():
    state, notices = step(Incidents(), [verdict(0, GPT)], at(0))
    assert events(notices) == [OPEN]
    incident = notices[0].incident
    assert incident.kind is IncidentKind.BLOCKED
    assert incident.key.cause == "openai/gpt-4o via api.openai.com"
    assert incident.targets == ("default:student",)
    assert "gpt-4o" in incident.title

    state, notices = step(state, [verdict(1, GPT)], at(1))
    assert notices == ()

    state, notices = step(state, [verdict(2)], at(2))
    assert events(notices) == [RESOLVE]
    assert notices[0].incident.key == incident.key
    assert state.open == ()


def test_a_thousand_partitions_page_once_and_it_ends_with_the_last_of_them():
    blocked = [verdict(i, GPT, partition=str(i)) for i in range(1000)]
    state, notices = step(Incidents(), blocked, at(1000))
    assert events(notices) == [OPEN]
    assert len(state.open[0].holds) == 1000

    state, notices = step(state, [verdict(2000 + i, partition=str(i)) for i in range(999)], at(3000))
    assert notices == ()
    state, notices = step(state, [verdict(3001, partition="999")], at(3001))
    assert events(notices) == [RESOLVE]


def test_two_models_are_two_incidents_and_end_apart():
    state, notices = step(Incidents(), [verdict(0, GPT, CLAUDE)], at(0))
    assert events(notices) == [OPEN, OPEN]
    state, notices = step(state, [verdict(1, CLAUDE)], at(1))
    assert [(n.event, n.incident.key.cause) for n in notices] == [(Event.RESOLVE, "openai/gpt-4o via api.openai.com")]
    assert len(state.open) == 1


def test_the_same_model_found_in_another_dataset_widens_and_pages_nobody():
    state, _ = step(Incidents(), [verdict(0, GPT, sources=("a",))], at(0))
    state, notices = step(state, [verdict(1, GPT, sources=("b",), partition="p")], at(1))
    assert events(notices) == [WIDEN]
    assert notices[0].incident.scope == ("default:a", "default:b")


def test_widening_within_one_step_is_one_message():
    _, notices = step(Incidents(), [verdict(i, GPT, sources=(s,), partition=s) for i, s in enumerate("abc")], at(3))
    assert events(notices) == [OPEN]
    assert notices[0].incident.scope == ("default:a", "default:b", "default:c")


def test_blindness_is_another_kind_of_incident_one_for_the_whole_deployment():
    state, notices = step(
        Incidents(), [verdict(0, GPT, blind=True), verdict(0, blind=True, target="other")], at(0), deployment="prod"
    )
    kinds = {n.incident.kind: n for n in notices}
    assert set(kinds) == {IncidentKind.BLOCKED, IncidentKind.BLIND}
    assert kinds[IncidentKind.BLIND].incident.scope == ("default:student", "default:other")
    assert sum(n.page for n in notices) == 2

    state, notices = step(state, [verdict(1, GPT)], at(1), deployment="prod")
    assert notices == (), "the other target is still blind"
    state, notices = step(state, [verdict(2, target="other")], at(2), deployment="prod")
    assert [(n.event, n.incident.kind) for n in notices] == [(Event.RESOLVE, IncidentKind.BLIND)]


def test_a_guard_that_cannot_see_ends_nothing_that_it_saw_before():
    state, _ = step(Incidents(), [verdict(0, GPT)], at(0))
    state, notices = step(state, [verdict(1, blind=True)], at(1))
    assert events(notices) == [OPEN], "the blindness is told, and the block is not over"
    assert {i.kind for i in state.open} == {IncidentKind.BLOCKED, IncidentKind.BLIND}

    state, notices = step(state, [verdict(2, GPT)], at(2))
    assert [(n.event, n.incident.kind) for n in notices] == [(Event.RESOLVE, IncidentKind.BLIND)]
    state, notices = step(state, [verdict(3)], at(3))
    assert [(n.event, n.incident.kind) for n in notices] == [(Event.RESOLVE, IncidentKind.BLOCKED)]


def test_a_gap_and_a_failed_suite_have_their_own_causes():
    failed = Evidence("lineage", "s", "d", "p", success=False, evaluated=0, expected=1, at=at(0), error="no engine")
    v = verdict(0, gap=True)
    v = v.joined(findings_of(failed, v.target))
    _, notices = step(Incidents(), [v], at(0))
    assert {n.incident.key.cause for n in notices} == {"default:synth", "suite:lineage"}


def test_coming_back_within_the_window_is_told_but_pages_nobody_and_its_end_waits():
    state, _ = step(Incidents(), [verdict(0, GPT)], at(0))
    state, notices = step(state, [verdict(1)], at(1))
    assert events(notices) == [RESOLVE]
    state, notices = step(state, [verdict(5, GPT)], at(5))
    assert events(notices) == [REOPEN]
    state, notices = step(state, [verdict(6)], at(6))
    assert notices == (), "held: it flaps"
    state, notices = step(state, [verdict(7, GPT)], at(7))
    assert notices == ()
    state, notices = step(state, [verdict(8)], at(8))
    state, notices = step(state, [], at(37))
    assert notices == ()
    state, notices = step(state, [], at(38))
    assert events(notices) == [RESOLVE]
    state, notices = step(state, [verdict(100, GPT)], at(100))
    assert events(notices) == [OPEN]


def test_an_older_verdict_that_arrives_late_changes_nothing():
    state, _ = step(Incidents(), [verdict(10)], at(10))
    after, notices = step(state, [verdict(5, GPT)], at(11))
    assert notices == ()
    assert after == state


def test_of_two_verdicts_at_one_instant_the_block_counts():
    for order in ([verdict(0, GPT), verdict(0)], [verdict(0), verdict(0, GPT)]):
        state = Incidents()
        told = []
        for v in order:
            state, notices = step(state, [v], at(0))
            told += events(notices)
        assert told == [OPEN]
        assert len(state.open) == 1


def test_a_waived_block_is_no_incident_and_a_waiver_that_ends_opens_one():
    waiver = Waiver("w1", "restricted-model", "student", "r", "a", "b", "T-1", at(10), model="gpt-4o")
    state, notices = step(Incidents(), [verdict(0, GPT, waivers=(waiver,))], at(0))
    assert notices == ()
    state, notices = step(state, [verdict(11, GPT, waivers=(waiver,))], at(11))
    assert events(notices) == [OPEN]
    assert "waiver w1 ended or was taken back" in notices[0].changed


def test_what_changed_names_the_policy_or_the_lineage():
    state, _ = step(Incidents(), [verdict(0)], at(0))
    _, notices = step(state, [verdict(1, GPT)], at(1))
    assert notices[0].changed.startswith("The lineage changed since it last passed (2026-11-01T12:00:00+00:00)")
    stricter = replace(POLICY, digest="sha256:q")
    _, notices = step(state, [verdict(1, GPT, policy=stricter)], at(1))
    assert notices[0].changed.startswith("The policy or its terms and the lineage both changed")
    _, notices = step(Incidents(), [verdict(1, GPT)], at(1))
    assert notices[0].changed == "No earlier verdict on it is known that let it pass."


def test_a_verdict_that_does_not_stop_opens_nothing():
    lenient = replace(POLICY, unknown_blocks=False)
    v = verdict(0, gap=True, policy=lenient)
    assert not v.stops
    assert step(Incidents(), [v], at(0))[1] == ()


def test_ended_incidents_are_forgotten_after_the_window():
    state, _ = step(Incidents(), [verdict(0, GPT)], at(0))
    state, _ = step(state, [verdict(1)], at(1))
    assert len(state.by_id) == 1
    state, _ = step(state, [], at(1) + timedelta(minutes=30))
    assert state.by_id == {}


def test_a_lineage_suite_that_repeats_a_rule_is_no_second_incident_but_alone_it_is_one():
    failure = FailedExpectation("expect_column_values_to_not_be_in_set", "terms", 1)
    failed = Evidence("lineage", "s", "d", "p", success=False, evaluated=1, expected=1, at=at(0), failures=(failure,))
    blocked, clean = verdict(0, GPT), verdict(0, target="other")
    both = blocked.joined(findings_of(failed, blocked.target))
    alone = clean.joined(findings_of(failed, clean.target))
    _, notices = step(Incidents(), [both, alone], at(0))
    assert [(n.incident.key.cause, *n.incident.targets) for n in notices] == [
        ("openai/gpt-4o via api.openai.com", "default:student"),
        ("suite:lineage", "default:other"),
    ]


def test_beside_a_block_a_waived_finding_pages_nobody():
    waiver = Waiver("w1", "restricted-model", "student", "r", "a", "b", "T-1", at(10), model="gpt-4o")
    _, notices = step(Incidents(), [verdict(0, GPT, CLAUDE, waivers=(waiver,))], at(0))
    assert [n.incident.key.cause for n in notices] == ["anthropic/claude-x via api.anthropic.com"]


def owned_by(owners):
    return lambda target: owners.get(target.partition(":")[2], "")


def test_one_model_under_fifty_assets_is_one_page_that_names_the_first_few():
    blocked = [verdict(0, GPT, target=f"student-{n:02}") for n in range(50)]
    state, notices = step(Incidents(), blocked, at(0))
    assert events(notices) == [OPEN]
    (incident,) = state.open
    assert len(incident.targets) == 50
    assert incident.title == (
        "50 assets (default:student-00, default:student-01, default:student-02 and 47 more) would learn from "
        "openai/gpt-4o via api.openai.com"
    )
    state, notices = step(state, [verdict(1, GPT, target="late")], at(1))
    assert events(notices) == [WIDEN]
    assert notices[0].incident.title.startswith("51 assets")


def test_assets_of_others_are_an_incident_of_their_own_and_end_apart():
    audience = owned_by({"b1": "bob", "b2": "bob", "a": "ann"})
    blocked = [verdict(0, GPT, target=t) for t in ("a", "b1", "b2")]
    state, notices = step(Incidents(), blocked, at(0), audience=audience)
    assert [(n.event, n.incident.key.audience, n.incident.targets) for n in notices] == [
        (Event.OPEN, "ann", ("default:a",)),
        (Event.OPEN, "bob", ("default:b1", "default:b2")),
    ]
    assert len({n.incident.key.id for n in notices}) == 2
    _, notices = step(state, [verdict(1, target="a")], at(1), audience=audience)
    assert [(n.event, n.incident.key.audience) for n in notices] == [(Event.RESOLVE, "ann")]


def test_an_asset_that_leaves_a_group_for_good_is_told_and_told_again_when_it_is_back():
    state, _ = step(Incidents(), [verdict(0, GPT, target="a"), verdict(0, GPT, target="b")], at(0))
    state, notices = step(state, [verdict(1, target="a")], at(1))
    assert notices == (), "it may flap"
    state, notices = step(state, [verdict(2, GPT, target="a")], at(2))
    assert notices == (), "it does"
    state, _ = step(state, [verdict(3, target="a")], at(3))
    state, notices = step(state, [], at(33))
    assert events(notices) == [(Event.NARROW, False)]
    assert notices[0].incident.targets == ("default:b",)
    _, notices = step(state, [verdict(40, GPT, target="a")], at(40))
    assert events(notices) == [WIDEN]


def test_another_asset_within_the_window_is_a_new_trouble_and_pages():
    state, first = step(Incidents(), [verdict(0, GPT, target="a")], at(0))
    state, _ = step(state, [verdict(1, target="a")], at(1))
    state, notices = step(state, [verdict(2, GPT, target="b")], at(2))
    assert events(notices) == [OPEN]
    assert notices[0].id != first[0].id


def test_the_same_cause_in_another_code_location_is_another_incident():
    (one,) = step(Incidents(), [verdict(0, GPT)], at(0), deployment="prod/a")[1]
    (two,) = step(Incidents(), [verdict(0, GPT)], at(0), deployment="prod/b")[1]
    assert one.incident.key.id != two.incident.key.id


def test_what_changed_names_the_policy_that_took_over_and_the_waiver_that_is_gone():
    waiver = Waiver("w1", "restricted-model", "student", "r", "a", "b", "T-1", at(10), model="gpt-4o")
    state, _ = step(Incidents(), [verdict(0, GPT, waivers=(waiver,))], at(0))
    stricter = replace(POLICY, name="strict", digest="sha256:q")
    _, notices = step(state, [verdict(1, GPT, policy=stricter)], at(1))
    assert notices[0].changed == (
        "The policy (was test, is strict) or its terms changed since it last passed (2026-11-01T12:00:00+00:00); "
        "the lineage is the same. It passed under waiver w1, which covers it no more."
    )
