"""The end of a waiver in use is announced a week ahead, a day ahead and when it is there; each once."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage_guard.alerts.state import incidents_from_dict, incidents_to_dict
from lineage_guard.domain.incidents.endings import DAYS, Expiry, announce
from lineage_guard.domain.incidents.incident import Ending, Event, Incidents, Place, Seen
from lineage_guard.domain.incidents.telling import Manner, tell
from lineage_guard.domain.rules.waivers import Waiver

END = datetime(2026, 12, 1, tzinfo=UTC)


def waiver(expires: datetime = END, id: str = "w1") -> Waiver:
    return Waiver(id, "model-terms", "student", "r", "ann", "bob", "T-1", expires, model="gpt-4o")


def used(*targets: str, by: str = "w1", before: Incidents | None = None) -> Incidents:
    """A state in which these targets pass by a waiver, and no other does."""
    state = before or Incidents()
    seen = {Place(f"default:{t}", None): Seen(END, uses=(by,)) for t in targets}
    return Incidents(endings=state.endings, seen=seen)


def days(n: float) -> datetime:
    return END - timedelta(days=n)


def heard(state: Incidents, waivers: list[Waiver] | None, at: datetime) -> tuple[Incidents, list[tuple[Event, int]]]:
    after, told = announce(state, waivers, at)
    after = incidents_from_dict(json.loads(json.dumps(incidents_to_dict(after))))
    return after, [(t.event, t.ending.told) for t in told]


def test_each_is_told_once_and_the_end_closes_it() -> None:
    state, ids = used("a", "b"), []
    for ahead, expected in [
        (8, []),
        (7, [(Event.OPEN, 7)]),
        (6.9, []),
        (1.5, []),
        (1, [(Event.WIDEN, 1)]),
        (0.5, []),
        (0, [(Event.RESOLVE, 0)]),
        (-1, []),
    ]:
        state, told = heard(state, [waiver()], days(ahead))
        assert told == expected, ahead
        ids.append(state.endings)
    assert state.endings["w1"].targets == ("default:a", "default:b")
    state, told = heard(used(before=state), [waiver()], days(-2))
    assert (told, dict(state.endings)) == ([], {}), "nothing passes by it; it is forgotten"


def test_a_guard_that_slept_a_week_says_it_at_once_and_once() -> None:
    _, told = heard(used("a"), [waiver()], days(0.2))
    assert told == [(Event.OPEN, 1)]
    state, told = heard(used("a"), [waiver()], days(-3))
    assert told == [(Event.OPEN, 0), (Event.RESOLVE, 0)]
    assert heard(state, [waiver()], days(-4))[1] == []


@pytest.mark.parametrize(
    ("after", "now", "words"),
    [
        (used("a"), [waiver(days(-90))], "given another end: 2027-03-01"),
        (used("a"), [], "taken back"),
        (used(), [waiver()], "Nothing passes by waiver w1"),
    ],
    ids=["renewed", "revoked", "needless"],
)
def test_what_will_not_come_is_taken_back(after: Incidents, now: list[Waiver], words: str) -> None:
    state, told = announce(used("a"), [waiver()], days(5))
    assert [t.event for t in told] == [Event.OPEN]
    state, ended = announce(Incidents(endings=state.endings, seen=after.seen), now, days(4))
    assert [t.event for t in ended] == [Event.RESOLVE]
    assert words in ended[0].said
    assert ended[0].incident == told[0].incident
    assert dict(state.endings) == {}


def test_one_renewed_for_a_few_days_is_announced_anew_under_another_id() -> None:
    state, first = announce(used("a"), [waiver()], days(1))
    _, told = announce(state, [waiver(days(-2))], days(0.9))
    assert [t.event for t in told] == [Event.RESOLVE, Event.OPEN]
    assert told[0].incident == first[0].incident != told[1].incident


def test_one_that_nothing_uses_and_a_file_that_cannot_be_read_are_not_spoken_of() -> None:
    assert announce(Incidents(), [waiver()], days(1)) == (Incidents(), ())
    state, _ = announce(used("a"), [waiver()], days(5))
    assert announce(state, None, days(-5)) == (state, ())


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 3), st.booleans(), st.sampled_from(["", "end", "other"])), max_size=12))
def test_whatever_happens_ends_match_beginnings_and_nothing_is_told_twice(steps: list[tuple[float, bool, str]]) -> None:
    state, ahead, open_, ids = Incidents(), 9.0, set[str](), set[str]()
    for passed, uses, known in steps:
        ahead -= passed
        waivers = {"": [], "end": [waiver()], "other": [waiver(days(-20))]}[known]
        state, told = announce(used(*(["a"] if uses else []), before=state), waivers, days(ahead))
        state = incidents_from_dict(json.loads(json.dumps(incidents_to_dict(state))))
        for t in told:
            if t.event is Event.OPEN:
                assert t.incident not in open_
                open_.add(t.incident)
            else:
                assert t.incident in open_
                if t.event is Event.RESOLVE:
                    open_.remove(t.incident)
            # One that is needless, and needed again, is announced again by the same id: receivers drop it.
            assert t.ending.told in (*DAYS, 0)
            ids.add(t.id)
        standing = {e.id for e in state.endings.values() if e.told}
        assert len(open_) == len(standing)


def test_what_is_announced_is_named_the_same_in_every_version_of_the_guard() -> None:
    def named(text: str) -> str:
        return sha256(text.encode()).hexdigest()

    _, [told] = announce(used("a"), [waiver()], days(7), "prod")
    assert told.incident == "lg-waiver-" + named("prod\x1fw1\x1f2026-12-01T00:00:00+00:00")[:32]
    assert told.id == named(f"{told.incident}\x1fOPEN\x1f7")[:40]
    _, [plain] = announce(used("a"), [waiver()], days(7))
    assert (plain.deployment, told.deployment) == ("default", "prod")


def test_each_announcement_is_one_sentence_with_its_waiver() -> None:
    week = "Waiver w1 ends within 7 days, on 2026-12-01 00:00 UTC."
    day = "Waiver w1 ends within a day, on 2026-12-01 00:00 UTC."
    ended = "Waiver w1 ended on 2026-12-01 00:00 UTC; what it covered stops again."
    state, [first] = announce(used("b", "a"), [waiver()], days(7))
    assert first == Expiry(
        Event.OPEN, Ending("w1", END, 7, ("default:a", "default:b")), days(7), week, waiver(), "default"
    )
    state, [second] = announce(used("c", before=state), [waiver()], days(1))
    assert (second.said, second.waiver, second.at) == (day, waiver(), days(1))
    assert second.ending.targets == ("default:a", "default:b", "default:c"), "whoever was told hears of its end"
    state, [last] = announce(used("c", before=state), [waiver()], days(0))
    assert (last.said, last.waiver, last.ending.targets) == (ended, waiver(), second.ending.targets)
    _, both = announce(used("a"), [waiver()], days(-1))
    assert [t.said for t in both] == [ended, ended]


@pytest.mark.parametrize(
    ("uses", "now", "ahead", "said"),
    [
        (True, [], 4, "Waiver w1 was taken back or is not there any more; what it covered stops again."),
        (True, [waiver(days(-90))], 4, "Waiver w1 was given another end: 2027-03-01 00:00 UTC."),
        (False, [waiver()], 4, "Nothing passes by waiver w1 any more."),
        (False, [waiver()], 0, "Waiver w1 ended on 2026-12-01 00:00 UTC; what it covered stops again."),
    ],
)
def test_why_nothing_more_is_to_be_said_of_it(uses: bool, now: list[Waiver], ahead: float, said: str) -> None:
    state, _ = announce(used("a"), [waiver()], days(5))
    after, [told] = announce(used(*("a" if uses else ""), before=state), now, days(ahead))
    assert (told.event, told.said, told.ending.told) == (Event.RESOLVE, said, 7)
    assert told.waiver == (now[0] if now else None)
    assert after.endings == {}


def test_each_waiver_is_announced_by_itself_in_the_order_of_their_names() -> None:
    seen = {**used("a", by="w2").seen, **used("b", by="w1").seen, **used("c", by="w0").seen}
    known = [waiver(id="w2"), waiver(days(-90), id="w0"), waiver(id="w1"), waiver(id="w3")]
    state, told = announce(Incidents(seen=seen), known, days(3))
    assert [(t.ending.id, t.ending.targets) for t in told] == [("w1", ("default:b",)), ("w2", ("default:a",))]
    _, gone = announce(Incidents(endings=state.endings), known, days(2))
    assert [(t.event, t.ending.id) for t in gone] == [(Event.RESOLVE, "w1"), (Event.RESOLVE, "w2")]


def test_one_look_tells_what_stops_and_which_waivers_end() -> None:
    _, [told] = tell(used("a"), [], days(7), Manner(deployment="prod"), [waiver()])
    assert isinstance(told, Expiry)
    assert (told.event, told.at, told.deployment) == (Event.OPEN, days(7), "prod")
    assert tell(used("a"), [], days(7)) == (used("a"), ()), "waivers that cannot be read are not spoken of"
