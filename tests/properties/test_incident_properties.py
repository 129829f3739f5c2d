"""Random histories of verdicts: no missed block, no duplicate page, every end matches a beginning."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from lineage_guard.alerts.state import incidents_from_dict, incidents_to_dict
from lineage_guard.domain.decide import Decision, Finding, Verdict
from lineage_guard.domain.facts import ModelSource, Version
from lineage_guard.domain.incidents import FLAP_WINDOW, Event, Incidents, key_of, place_of, step, stopping
from lineage_guard.domain.policy import ReasonCode
from lineage_guard.domain.terms import Effect

T0 = datetime(2026, 1, 1, tzinfo=UTC)


@st.composite
def verdicts(draw, minutes):
    target = Version("d", draw(st.sampled_from(["m1", "m2"])), draw(st.sampled_from([None, "", "p"])), "r")
    found = []
    for n in draw(st.sets(st.integers(0, 3), max_size=3)):
        subject = Version("d", draw(st.sampled_from(["s1", "s2"])))
        waived = draw(st.sampled_from([None, None, None, "w"]))
        if n == 0:
            rule, reason, model, subject = "guard-cannot-see", ReasonCode.GUARD_CANNOT_SEE, None, target
        elif n == 1:
            rule, reason, model = "gaps", ReasonCode.NO_PROVENANCE, None
        else:
            rule, reason, model = "restricted", ReasonCode.RESTRICTED_MODEL, ModelSource("x", f"m{n}")
        effect = Effect.BLOCK if n != 1 else Effect.UNKNOWN
        found.append(Finding(rule, reason, effect, "m", "f", subject, (target, subject), model=model, waived_by=waived))
    stops = any(not f.waived_by for f in found)
    offset = draw(st.integers(-3, 0))
    return Verdict(
        decision=Decision.BLOCK if stops else Decision.ALLOW,
        stops=stops,
        target=target,
        use="train_competing",
        at=T0 + timedelta(minutes=minutes + offset),
        findings=tuple(found),
        obligations=(),
        policy="p",
        policy_digest="x",
        closure_digest=draw(st.sampled_from(["c1", "c2"])),
        closure_size=1,
        watermark="",
    )


@st.composite
def histories(draw):
    minutes = 0
    ticks = []
    for _ in range(draw(st.integers(1, 14))):
        minutes += draw(st.sampled_from([0, 1, 5, 29, 30, 31, 90]))
        ticks.append((minutes, draw(st.lists(verdicts(minutes), max_size=4))))
    return ticks


def run(history):
    state = Incidents()
    told = []
    for minutes, batch in history:
        now = T0 + timedelta(minutes=minutes)
        state, notices = step(state, batch, now)
        state_again = incidents_from_dict(json.loads(json.dumps(incidents_to_dict(state))))
        assert state_again == state, "the state survives a restart"
        state = state_again
        told.extend(notices)
        yield now, batch, state, notices, told


@settings(max_examples=200, deadline=None)
@given(histories())
def test_no_block_is_missed(history):
    newest = {}
    for _, batch, state, _, told in run(history):
        for v in batch:
            place = place_of(v)
            if place not in newest or v.at > newest[place][0]:
                newest[place] = (v.at, [v])
            elif v.at == newest[place][0]:
                newest[place][1].append(v)
        for place, (_, tied) in newest.items():
            for v in tied:
                for f in stopping(v):
                    incident = state.by_id[key_of(f, v, "default").id]
                    assert not incident.resolved
                    assert place in incident.holds
        for incident in state.open:
            assert any(n.incident.key == incident.key for n in told), "every open incident was told"
            assert incident.holds or incident.cleared_at is not None


@settings(max_examples=200, deadline=None)
@given(histories())
def test_no_page_twice_and_every_end_matches_a_beginning(history):
    is_open = defaultdict(bool)
    held = {}
    ids = set()
    before = Incidents()
    for now, _, state, notices, _ in run(history):
        held |= {i.key: now for i in before.open if i.holds}
        before = state
        for n in notices:
            key = n.incident.key
            if n.event in (Event.OPEN, Event.REOPEN):
                assert not is_open[key]
                recent = key in held and now - held[key] < FLAP_WINDOW
                assert n.page != recent, "a return within the window pages nobody, a new trouble always does"
                held[key] = now
                is_open[key] = True
            elif n.event is Event.WIDEN:
                assert is_open[key]
            else:
                assert is_open[key], "every end matches a beginning"
                is_open[key] = False
            assert n.id not in ids, "ids are unique, so receivers may drop duplicates"
            ids.add(n.id)


@settings(max_examples=100, deadline=None)
@given(histories())
def test_the_same_verdicts_again_change_nothing(history):
    for now, batch, state, _, _ in run(history):
        again, notices = step(state, batch, now)
        assert notices == ()
        assert (again.open, again.seen) == (state.open, state.seen), "but for forgetting what is over"


@settings(max_examples=100, deadline=None)
@given(histories())
def test_quiet_for_long_enough_everything_that_passes_is_over(history):
    *_, (now, _, state, _, _) = list(run(history))
    passing = [
        Verdict(
            Decision.ALLOW, False, Version(*p.target.split(":"), p.partition, "r"), "u", now + timedelta(minutes=1),
            (), (), "p", "x", "c", 0, "",
        )
        for p in state.seen
    ]  # fmt: skip
    state, _ = step(state, passing, now + timedelta(minutes=1))
    state, _ = step(state, [], now + timedelta(minutes=1) + FLAP_WINDOW)
    state, _ = step(state, [], now + timedelta(minutes=1) + 2 * FLAP_WINDOW)
    assert state.by_id == {}
