"""Random histories of verdicts, in groups and storms: no missed block, no page twice, ends that match beginnings."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from incident_histories import (
    LIMIT,
    WINDOW,
    histories,
    members,
    minutes_later,
    newest_of,
    owners,
    restarted,
    thread,
    told,
)

from lineage_guard.domain.facts import Version
from lineage_guard.domain.incidents.incident import Event, IncidentKind, Incidents, Notice
from lineage_guard.domain.incidents.incidents import FLAP_WINDOW, key_of, place_of, step, stopping
from lineage_guard.domain.incidents.storms import Digest
from lineage_guard.domain.incidents.telling import Manner, tell
from lineage_guard.domain.rules.policy import ReasonCode
from lineage_guard.domain.verdict.decide import Decision, Verdict

BLIND = ReasonCode.GUARD_CANNOT_SEE
BEGINS = (Event.OPEN, Event.REOPEN)


@settings(max_examples=100, deadline=None)
@given(histories(), owners)
def test_no_block_is_missed(history, owned):
    seen, spoken = [], defaultdict(set)
    for look in told(history, owned):
        seen += look.batch
        for telling in look.tellings:
            for id_, incident in members(telling).items():
                spoken[id_].update(incident.targets)
        for place, tied in newest_of(seen).items():
            for v in tied:
                for f in stopping(v):
                    trouble = key_of(f, v, "default").trouble
                    holding = [i for i in look.state.open if i.key.trouble == trouble and place in i.holds]
                    assert len(holding) == 1, "one incident holds it, whoever owns it"
                    assert place.target in holding[0].targets
                    assert place.target in spoken[holding[0].key.id], "and a message named the asset"
        for incident in look.state.open:
            assert incident.holds or incident.cleared_at is not None
            assert incident.storm is None or incident.storm in look.state.storms, "its storm still rages or stands"


@settings(max_examples=100, deadline=None)
@given(histories(), owners)
def test_a_receiver_sees_beginnings_and_ends_that_match_and_no_page_twice(history, owned):
    is_open, ids = defaultdict(bool), set()
    for look in told(history, owned):
        for telling in look.tellings:
            assert telling.id not in ids, "ids are unique, so receivers may drop duplicates"
            ids.add(telling.id)
            name = thread(telling)
            if telling.event in BEGINS:
                assert not is_open[name]
                is_open[name] = True
            else:
                assert is_open[name], "what goes on or ends was told to have begun"
                is_open[name] = telling.event is not Event.RESOLVE
            assert not telling.page or telling.event is Event.OPEN
        standing = {i.key.id for i in look.state.open if i.storm is None} | set(look.state.storms)
        assert {name for name, is_ in is_open.items() if is_} == standing, "what stands is what receivers hold open"


@settings(max_examples=100, deadline=None)
@given(histories(), owners)
def test_a_new_trouble_pages_once_and_a_return_within_the_window_pages_nobody(history, owned):
    state, ended, standing = Incidents(), {}, set()
    for minutes, batch in history:
        now = minutes_later(minutes)
        state, notices = step(restarted(state), batch, now, audience=lambda t: owned.get(t, ""))
        for n in notices:
            key = n.incident.key
            if n.event in BEGINS:
                at, targets = ended.get(key, (None, ()))
                recent = at is not None and now - at < FLAP_WINDOW
                back = recent and (n.incident.kind is IncidentKind.BLIND or place_of(n.verdict).target in targets)
                assert (n.event is Event.REOPEN) == back
                assert n.page == (not back and n.incident.paged)
                assert key not in standing, "what stands does not begin again"
                standing.add(key)
            elif n.event is Event.RESOLVE:
                assert n.verdict is None or not any(f.reason is BLIND for f in stopping(n.verdict))
                standing.remove(key)
                ended[key] = (n.incident.cleared_at, n.incident.targets)


@settings(max_examples=100, deadline=None)
@given(histories(), owners)
def test_a_storm_is_told_as_one_and_no_more_than_the_limit_are_told_alone(history, owned):
    alone = []
    for look in told(history, owned):
        for telling in look.tellings:
            if isinstance(telling, Notice):
                if telling.event in BEGINS:
                    alone.append((look.now, telling.incident.kind, telling.incident.key.audience, telling.page))
                continue
            assert all(n.page == telling.storm.page for n in telling.new)
            assert telling.page == (telling.event is Event.OPEN and telling.storm.page)
            assert {n.incident.key.id for n in telling.new} <= set(telling.storm.members)
            assert all(
                (i.kind, i.key.audience) == (telling.storm.kind, telling.storm.audience) for i in telling.members
            )
            if telling.event is Event.RESOLVE:
                assert telling.standing == ()
            else:
                assert telling.standing or telling.event is Event.OPEN
        for now, *group in alone:
            same = [t for t, *other in alone if other == group and timedelta(0) <= now - t < WINDOW]
            assert len(same) <= LIMIT


@settings(max_examples=100, deadline=None)
@given(histories(), owners, st.sampled_from([0, 2, 3, 6]))
def test_what_one_look_finds_in_one_asset_is_one_message_and_all_of_it_ends(history, owned, limit):
    is_open = defaultdict(bool)
    for look in told(history, owned, limit):
        found = defaultdict(set)
        for telling in look.tellings:
            name = thread(telling)
            assert is_open[name] == (telling.event not in BEGINS), "every end matches a beginning"
            is_open[name] = telling.event is not Event.RESOLVE
            for n in telling.new if isinstance(telling, Digest) else (telling,):
                if n.event in BEGINS:
                    found[n.incident.kind, n.incident.key.audience, n.page, place_of(n.verdict).target].add(name)
        assert all(len(names) == 1 for names in found.values())
        standing = {i.key.id for i in look.state.open if i.storm is None} | set(look.state.storms)
        assert {name for name, is_ in is_open.items() if is_} == standing, "what stands is what receivers hold open"


@settings(max_examples=100, deadline=None)
@given(histories(), owners)
def test_every_asset_that_joins_is_told_once_until_it_left_for_good(history, owned):
    held = defaultdict(dict)
    for look in told(history, owned):
        for telling in look.tellings:
            for id_, incident in members(telling).items():
                held[id_] = dict.fromkeys(incident.targets)
        for incident in look.state.open:
            assert tuple(held[incident.key.id]) == incident.targets, "what receivers know is what the state says"
            for target, since in incident.left.items():
                assert target in incident.targets
                assert all(place.target != target for place in incident.holds)
                assert look.now - since < FLAP_WINDOW or not incident.holds
            for place in incident.holds:
                assert place.target not in incident.left


@settings(max_examples=100, deadline=None)
@given(histories(), owners)
def test_a_second_sensor_on_the_same_state_tells_nothing_new(history, owned):
    for look in told(history, owned):
        now = look.now + timedelta(seconds=20)
        again, tellings = tell(look.state, look.batch, now, Manner(audience=lambda t: owned.get(t, "")))
        assert [t for t in tellings if t.event not in (Event.RESOLVE, Event.NARROW)] == []
        again, tellings = tell(look.state, look.batch, look.now, Manner(audience=lambda t: owned.get(t, "")))
        assert tellings == ()
        assert (again.open, again.seen, again.storms) == (look.state.open, look.state.seen, look.state.storms)


@settings(max_examples=60, deadline=None)
@given(histories(), owners, owners)
def test_owners_that_change_page_nobody_for_what_stands(history, owned, later):
    looks = list(told(history, owned))
    state, now = looks[-1].state, looks[-1].now + timedelta(minutes=1)
    newest = newest_of(v for look in looks for v in look.batch)
    # Of verdicts at one instant all that stop count; any of them says that it still stands.
    same = [replace(v, at=now) for tied in newest.values() for v in tied if v.stops or len(tied) == 1]
    after, tellings = tell(restarted(state), same, now, Manner(audience=lambda t: later.get(t, "")))
    # Of verdicts at one instant the second brings back what the first ended; several that are back are a digest.
    told_of = [n for t in tellings for n in (t.new if isinstance(t, Digest) and t.new else (t,))]
    assert [t for t in told_of if t.event in (Event.OPEN, Event.WIDEN)] == []
    assert not any(t.page for t in tellings)
    assert {i.key for i in state.open if i.holds} == {i.key for i in after.open if i.holds}


@settings(max_examples=100, deadline=None)
@given(histories(), owners)
def test_quiet_for_long_enough_everything_that_passes_is_over(history, owned):
    *_, look = list(told(history, owned))
    now = look.now + timedelta(minutes=1)
    passing = [
        Verdict(
            Decision.ALLOW, False, Version(*p.target.split(":"), p.partition, "r"), "u", now,
            (), (), "p", "x", "c", 0, "",
        )
        for p in look.state.seen
    ]  # fmt: skip
    state, _ = tell(look.state, passing, now)
    state, _ = tell(restarted(state), [], now + FLAP_WINDOW)
    state, _ = tell(restarted(state), [], now + 2 * FLAP_WINDOW)
    assert state.by_id == {}
    assert state.storms == {}
    assert state.begun == ()
