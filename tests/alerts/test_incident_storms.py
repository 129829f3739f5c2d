"""When incidents are a storm or a group, which one they join, and how each goes on and ends."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256

from alerting import CLAUDE, GPT, at, verdict

from lineage_guard.domain.incidents.incident import Event, IncidentKind, Incidents, Notice, Storm
from lineage_guard.domain.incidents.incidents import step
from lineage_guard.domain.incidents.storms import LIMIT, WINDOW, Digest, gather
from lineage_guard.domain.incidents.telling import Manner, Telling, tell
from lineage_guard.domain.verdict.decide import Verdict
from lineage_guard.domain.verdict.modes import Mode

ENDED = timedelta(minutes=30)


def blocked(minutes: float, count: int, prefix: str = "t") -> list[Verdict]:
    """So many causes, each in a training asset of its own."""
    return [
        verdict(minutes, replace(GPT, channel=f"{prefix}{n}"), target=f"{prefix}{n}", sources=(f"s-{prefix}",))
        for n in range(count)
    ]


def digest(tellings: Iterable[Telling]) -> Digest:
    [told] = tellings
    assert isinstance(told, Digest)
    return told


def looked(state: Incidents, verdicts: Iterable[Verdict], now: datetime) -> tuple[Incidents, Digest]:
    state, told = tell(state, verdicts, now)
    return state, digest(told)


def test_what_counts_together_began_within_five_minutes() -> None:
    assert (LIMIT, timedelta(minutes=5)) == (10, WINDOW)
    state, first = tell(Incidents(), blocked(0, 6, "a"), at(0))
    assert len(first) == 6
    assert all(isinstance(t, Notice) for t in first)
    _, alone = tell(state, blocked(5, 5, "b"), at(5))
    assert all(isinstance(t, Notice) for t in alone), "the first six are as old as the window"
    _, storm = looked(state, blocked(4.9, 5, "b"), at(4.9))
    assert (storm.event, storm.page, len(storm.members), len(storm.new)) == (Event.OPEN, True, 5, 5)


def test_a_storm_is_joined_while_it_rages_and_then_there_is_another() -> None:
    state, first = looked(Incidents(), blocked(0, 11, "a"), at(0))
    state, more = looked(state, blocked(4, 11, "b"), at(4))
    assert (more.event, more.page, more.storm.id) == (Event.WIDEN, False, first.storm.id)
    assert (more.storm.updates, more.storm.joined_at, more.storm.since) == (1, at(4), at(0))
    assert (len(more.new), len(more.members)) == (11, 22)
    assert more.id != first.id
    state, third = looked(state, blocked(8.5, 11, "c"), at(8.5))
    assert third.storm.id == first.storm.id, "each that joins keeps it raging"
    state, other = looked(state, blocked(13.5, 11, "d"), at(13.5))
    assert (other.event, other.page) == (Event.OPEN, True)
    assert set(state.storms) == {first.storm.id, other.storm.id}
    _, joined = looked(state, blocked(14, 1, "e"), at(14))
    assert joined.storm.id == other.storm.id


def test_what_is_watched_what_is_blind_and_what_others_hear_of_is_no_storm_with_the_rest() -> None:
    watched = [replace(v, mode=Mode.OBSERVE) for v in blocked(0, 6, "w")]
    _, told = tell(Incidents(), [*watched, *blocked(0, 6, "b"), verdict(0, blind=True, target="x")], at(0))
    assert len(told) == 13
    assert all(isinstance(t, Notice) for t in told)
    by_letter = Manner(audience=lambda target: target.rpartition(":")[2][0])
    _, told = tell(Incidents(), [*blocked(0, 11, "a"), *blocked(0, 6, "b")], at(0), by_letter)
    *alone, storm = told
    assert isinstance(storm, Digest)
    assert (storm.storm.audience, storm.storm.kind, len(storm.members), len(alone)) == (
        "a",
        IncidentKind.BLOCKED,
        11,
        6,
    )


def test_the_limit_and_the_window_are_those_that_are_asked_for() -> None:
    how = Manner(storm_limit=1, storm_window=timedelta(minutes=1), flap_window=timedelta(minutes=2), deployment="prod")
    state, told = tell(Incidents(), blocked(0, 1, "a"), at(0), how)
    assert isinstance(told[0], Notice)
    assert told[0].incident.key.deployment == "prod"
    _, told = tell(state, blocked(1, 1, "b"), at(1), how)
    assert isinstance(told[0], Notice)
    state, told = tell(state, blocked(0.9, 1, "b"), at(0.9), how)
    digest(told)
    state, told = tell(state, [verdict(2, target="a0")], at(2), how)
    assert [t.event for t in told] == [Event.RESOLVE]
    state, _ = tell(state, [], at(3.9), how)
    assert len(state.by_id) == 2
    state, _ = tell(state, [], at(4), how)
    assert len(state.by_id) == 1


def test_many_causes_in_one_asset_count_as_one_until_they_are_too_many() -> None:
    several = [replace(GPT, channel=f"c{n}") for n in range(11)]
    state, group = looked(Incidents(), [verdict(0, *several[:10], target="a")], at(0))
    assert (group.event, group.page, group.storm.target) == (Event.OPEN, True, "default:a")
    assert [b.number for b in state.begun] == [1]
    state, told = looked(Incidents(), [verdict(0, *several, target="a")], at(0))
    assert (told.storm.target, [b.number for b in state.begun]) == ("", [11])


def test_a_group_is_joined_by_nothing_that_is_found_later() -> None:
    state, group = looked(Incidents(), [verdict(0, GPT, CLAUDE, target="a")], at(0))
    more = [replace(GPT, channel=f"c{n}") for n in range(2)]
    state, second = looked(state, [verdict(1, GPT, CLAUDE, *more, target="a")], at(1))
    assert (second.event, second.page, second.storm.target) == (Event.OPEN, True, "default:a")
    assert second.storm.id != group.storm.id
    assert len(second.members) == 2
    state, both = tell(state, [verdict(2, target="a")], at(2))
    assert [(t.event, isinstance(t, Digest)) for t in both] == [(Event.RESOLVE, True), (Event.RESOLVE, True)]


def test_a_group_is_of_the_asset_in_which_it_is_back() -> None:
    state, _ = tell(Incidents(), [verdict(0, GPT, CLAUDE, target=t) for t in "ab"], at(0))
    state, _ = tell(state, [verdict(1, target=t) for t in "ab"], at(1))
    _, back = looked(state, [verdict(2, GPT, CLAUDE, target="b")], at(2))
    assert (back.event, back.page, back.storm.target) == (Event.OPEN, False, "default:b")


def test_groups_of_two_assets_are_two() -> None:
    pair = [replace(GPT, channel=f"c{n}") for n in range(2)]
    state, told = tell(Incidents(), [verdict(0, GPT, CLAUDE, target="a"), verdict(0, *pair, target="b")], at(0))
    assert [t.storm.target for t in told if isinstance(t, Digest)] == ["default:a", "default:b"]
    assert len(told) == len(state.storms) == 2


def test_a_member_that_widens_or_narrows_is_said_by_its_digest() -> None:
    state, first = looked(Incidents(), [verdict(0, GPT, CLAUDE, target="a")], at(0))
    state, wider = looked(state, [verdict(1, GPT, target="b")], at(1))
    assert (wider.event, wider.page, wider.new, wider.over) == (Event.WIDEN, False, (), ())
    state, _ = tell(state, [verdict(2, target="b")], at(2))
    state, fewer = looked(state, [], at(32))
    assert (fewer.event, fewer.page, fewer.storm.updates) == (Event.NARROW, False, 2)
    assert len({first.id, wider.id, fewer.id}) == 3
    assert [i.targets for i in fewer.standing] == [("default:a",)] * 2


def test_what_is_over_is_said_and_the_last_of_it_ends_the_digest() -> None:
    state, first = looked(Incidents(), [verdict(0, GPT, CLAUDE, target="a")], at(0))
    gpt, claude = sorted(first.members, key=lambda i: i.key.cause, reverse=True)
    state, fewer = looked(state, [verdict(1, GPT, target="a")], at(1))
    assert (fewer.event, fewer.over, fewer.page) == (Event.NARROW, (claude.key.id,), False)
    assert [i.key for i in fewer.standing] == [gpt.key]
    assert len(fewer.members) == 2
    state, ended = looked(state, [verdict(2, target="a")], at(2))
    assert (ended.event, ended.over, ended.page, ended.standing) == (Event.RESOLVE, (gpt.key.id,), False, ())
    assert ended.storm.id == first.storm.id
    assert ended.storm.updates == 2
    assert state.storms == {}


def test_a_member_that_is_over_and_begins_again_in_the_same_storm_is_listed_once() -> None:
    state, first = looked(Incidents(), blocked(0, 11), at(0))
    state, fewer = looked(state, [verdict(1, target="t0")], at(1))
    assert (fewer.event, len(fewer.standing)) == (Event.NARROW, 10)
    again = verdict(2, replace(GPT, channel="t0"), target="another")
    state, wider = looked(state, [again], at(2))
    assert (wider.event, wider.storm.id, len(wider.new)) == (Event.WIDEN, first.storm.id, 1)
    assert wider.storm.members == first.storm.members
    assert len(wider.standing) == 11


def test_what_began_and_ended_in_one_look_is_told_as_both() -> None:
    state, told = tell(Incidents(), [verdict(0, GPT, CLAUDE), verdict(1)], at(1))
    assert [(t.event, t.page, len(t.over)) for t in told if isinstance(t, Digest)] == [
        (Event.OPEN, True, 2),
        (Event.RESOLVE, False, 2),
    ]
    assert (len(told), state.storms) == (2, {})


def test_a_digest_is_named_by_what_began_it() -> None:
    def named(text: str) -> str:
        return sha256(text.encode()).hexdigest()

    first = step(Incidents(), [verdict(0, GPT, CLAUDE)], at(0))[1][0]
    _, group = looked(Incidents(), [verdict(0, GPT, CLAUDE)], at(0))
    assert group.storm.id == "lg-group-" + named(first.id)[:32]
    assert group.id == named(f"{group.storm.id}\x1fOPEN\x1f0")[:40]
    first = step(Incidents(), blocked(0, 11), at(0))[1][0]
    _, storm = looked(Incidents(), blocked(0, 11), at(0))
    assert storm.storm == Storm(
        "lg-storm-" + named(first.id)[:32],
        IncidentKind.BLOCKED,
        "",
        True,
        at(0),
        at(0),
        tuple(i.key.id for i in storm.members),
    )


def test_what_comes_back_in_masses_is_a_digest_that_pages_nobody() -> None:
    state, _ = tell(Incidents(), blocked(0, 11), at(0))
    passed = [verdict(1, target=f"t{n}") for n in range(11)]
    state, ended = looked(state, passed, at(1))
    assert ended.event is Event.RESOLVE
    state, back = looked(state, blocked(2, 11), at(2))
    assert (back.event, back.page, back.storm.page) == (Event.OPEN, False, False)
    assert {n.event for n in back.new} == {Event.REOPEN}
    state, _ = tell(state, [replace(v, at=at(3)) for v in passed], at(3))
    _, over = looked(state, [], at(3) + ENDED)
    assert (over.event, over.storm.id) == (Event.RESOLVE, back.storm.id)


def test_nothing_that_is_told_is_nothing_gathered() -> None:
    state, notices = step(Incidents(), [], at(0))
    assert gather(Incidents(), state, notices, at(0)) == (state, ())
