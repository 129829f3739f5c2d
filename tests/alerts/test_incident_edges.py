"""What the machine of incidents does at its edges; mutation testing found that no other test held these."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

from alerting import CLAUDE, GPT, at, verdict

from lineage_guard.domain.facts import Version
from lineage_guard.domain.incidents.incident import (
    GUARD_STALE,
    Event,
    Incident,
    IncidentKey,
    IncidentKind,
    Incidents,
    Notice,
    asset_of,
    key_of,
    stopping,
)
from lineage_guard.domain.incidents.incidents import step
from lineage_guard.domain.incidents.itself import trouble_with, verdict_on_itself
from lineage_guard.domain.incidents.storms import Digest
from lineage_guard.domain.incidents.telling import tell
from lineage_guard.domain.rules.policy import ReasonCode
from lineage_guard.domain.rules.terms import Effect
from lineage_guard.domain.rules.waivers import Waiver
from lineage_guard.domain.verdict.modes import Mode

CAUSE = "openai/gpt-4o via api.openai.com"


def test_who_says_nothing_of_a_deployment_or_of_owners_has_one_of_each() -> None:
    _, (opened,) = step(Incidents(), [verdict(0, GPT)], at(0))
    assert opened.incident.key == IncidentKey("default", "restricted-model", CAUSE, "")


def test_an_end_shows_the_verdict_that_let_it_pass() -> None:
    state, _ = step(Incidents(), [verdict(0, GPT)], at(0))
    passed = verdict(1)
    _, (ended,) = step(state, [passed], at(1))
    assert (ended.event, ended.verdict, ended.finding, ended.changed) == (Event.RESOLVE, passed, None, "")


def test_when_a_place_last_passed_is_remembered_however_often_it_stops() -> None:
    state, _ = step(Incidents(), [verdict(0)], at(0))
    state, (first,) = step(state, [verdict(1, GPT)], at(1))
    state, (second,) = step(state, [verdict(2, GPT, CLAUDE)], at(2))
    assert first.passed_at == second.passed_at == at(0)
    assert second.changed.startswith("The lineage changed since it last passed (2026-11-01T12:00:00+00:00)")


def test_a_waiver_is_in_use_where_the_last_verdict_used_it() -> None:
    waiver = Waiver("w1", "restricted-model", "student", "r", "a", "b", "T-1", at(90), model="gpt-4o")
    uses = []
    state = Incidents()
    for n, models in enumerate([(GPT,), (GPT, CLAUDE), (CLAUDE,)]):
        state, _ = step(state, [verdict(n, *models, waivers=(waiver,))], at(n))
        [seen] = state.seen.values()
        uses.append((seen.at, seen.passed_at, seen.waivers, seen.uses))
    assert uses == [
        (at(0), at(0), ("w1",), ("w1",)),
        (at(1), at(0), ("w1",), ("w1",)),
        (at(2), at(0), ("w1",), ()),
    ]


def test_what_widens_shows_the_verdict_that_widened_it() -> None:
    state, _ = step(Incidents(), [verdict(0, GPT, target="a"), verdict(1, target="b")], at(1))
    wider = verdict(2, GPT, target="b")
    _, (told,) = step(state, [wider], at(2))
    assert (told.event, told.verdict, told.finding, told.passed_at) == (Event.WIDEN, wider, wider.findings[0], at(1))
    assert told.incident.widened == 1


def test_what_widens_in_the_step_that_began_it_is_no_second_message_whatever_was_told_in_between() -> None:
    found = [verdict(n, GPT, CLAUDE, sources=(s,), partition=s) for n, s in enumerate("ab")]
    _, notices = step(Incidents(), found, at(2))
    assert [(n.event, n.incident.scope) for n in notices] == [(Event.OPEN, ("default:a", "default:b"))] * 2


def test_each_asset_that_leaves_is_a_message_of_its_own() -> None:
    """Two of the same id would be one to a receiver, which went on naming an asset that is free."""
    state, _ = step(Incidents(), [verdict(0, GPT, target=t) for t in "abc"], at(0))
    state, _ = step(state, [verdict(1, target="a")], at(1))
    state, _ = step(state, [verdict(2, target="b")], at(2))
    state, (first,) = step(state, [], at(31))
    state, (second,) = step(state, [], at(32))
    assert [(n.event, n.incident.narrowed) for n in (first, second)] == [(Event.NARROW, 1), (Event.NARROW, 2)]
    assert first.id != second.id
    assert (second.verdict, second.changed) == (None, "")
    assert second.incident.targets == ("default:c",)
    assert second.incident.left == {}


def test_a_new_trouble_of_another_asset_never_has_the_id_of_the_last_episode() -> None:
    """Receivers drop what they had before: an id told twice is a page that nobody hears."""
    state, (first,) = step(Incidents(), [verdict(10, GPT, target="a")], at(10))
    state, _ = step(state, [verdict(11, target="a")], at(11))
    for minutes in (10, 5):  # judged at the same instant, or before, and looked at only now
        _, (second,) = step(state, [verdict(minutes, GPT, target="b")], at(12))
        assert (second.event, second.page) == (Event.OPEN, True)
        assert second.incident.key == first.incident.key
        assert second.incident.since > first.incident.since
        assert second.id != first.id


def test_each_return_within_the_window_begins_anew_and_is_counted() -> None:
    state, _ = step(Incidents(), [verdict(0, GPT)], at(0))
    state, _ = step(state, [verdict(1)], at(1))
    state, (back,) = step(state, [verdict(5, GPT)], at(5))
    assert (back.event, back.incident.flaps, back.incident.opened_at) == (Event.REOPEN, 1, at(5))
    assert back.finding == verdict(5, GPT).findings[0]
    assert back.passed_at == at(1)
    assert back.changed.startswith("The lineage changed since it last passed")
    state, _ = step(state, [verdict(6)], at(6))
    state, _ = step(state, [], at(36))
    state, (again,) = step(state, [verdict(40, GPT)], at(40))
    assert (again.event, again.incident.flaps) == (Event.OPEN, 0), "forgotten with its window"


def test_what_a_group_told_is_told_by_itself_when_it_is_back_and_so_is_its_end() -> None:
    state, (opened,) = tell(Incidents(), [verdict(0, GPT, CLAUDE)], at(0))
    assert isinstance(opened, Digest)
    state, (ended,) = tell(state, [verdict(1)], at(1))
    assert (ended.event, state.storms) == (Event.RESOLVE, {})
    state, (back,) = tell(state, [verdict(2, GPT)], at(2))
    assert back.event is Event.REOPEN
    assert [i.storm for i in state.open] == [None]
    state, _ = tell(state, [verdict(3)], at(3))
    _, (over,) = tell(state, [], at(3) + timedelta(minutes=30))
    assert not isinstance(over, Digest)
    assert over.event is Event.RESOLVE


def test_names_are_the_same_in_every_version_of_the_guard() -> None:
    """What is open at a receiver when the guard is upgraded must end there."""
    key = IncidentKey("prod", "restricted-model", CAUSE, "team:nlp")
    incident = Incident(
        key, IncidentKind.BLOCKED, ReasonCode.RESTRICTED_MODEL, "t", at(0), at(1), frozenset(), (),
        widened=2, narrowed=3, flaps=1,
    )  # fmt: skip

    def digest(text: str) -> str:
        return sha256(text.encode()).hexdigest()

    assert key.id == "lg-" + digest(f"prod\x1frestricted-model\x1f{CAUSE}\x1fteam:nlp")[:32]
    for event, nth in {"OPEN": 0, "WIDEN": 2, "NARROW": 3, "REOPEN": 0, "RESOLVE": 0}.items():
        told = f"{key.id}\x1f2026-11-01T12:00:00+00:00\x1f{event}\x1f{nth}\x1f1"
        assert Notice(Event(event), incident, at(9), False).id == digest(told)[:40]


def test_what_it_stops_now_is_some_of_what_it_was_told_for() -> None:
    state, _ = step(Incidents(), [verdict(0, GPT, target=t) for t in "cab"], at(0))
    state, _ = step(state, [verdict(1, target="a")], at(1))
    (incident,) = state.open
    assert incident.targets == ("default:c", "default:a", "default:b")
    assert incident.stopped == ("default:c", "default:b")


def test_what_is_open_is_listed_oldest_first_and_what_ended_is_not() -> None:
    state, _ = step(Incidents(), [verdict(5, GPT, target="b")], at(5), audience=lambda t: t)
    state, _ = step(state, [verdict(6, GPT, CLAUDE, target="a")], at(6), audience=lambda t: t)
    state, _ = step(state, [verdict(7, GPT, target="c")], at(7), audience=lambda t: t)
    state, _ = step(state, [verdict(8, target="c")], at(8), audience=lambda t: t)
    assert [(i.targets[0][-1], i.key.cause.partition("/")[0]) for i in state.open] == [
        ("b", "openai"),
        ("a", "anthropic"),
        ("a", "openai"),
    ]


def test_what_is_only_watched_is_a_trouble_apart_that_pages_the_day_it_is_enforced() -> None:
    watched = replace(verdict(0, GPT), mode=Mode.OBSERVE)
    state, (seen,) = step(Incidents(), [watched], at(0))
    assert (seen.event, seen.page, seen.incident.key.rule) == (Event.OPEN, False, "restricted-model (observe)")
    _, notices = step(state, [verdict(1, GPT)], at(1))
    assert [(n.event, n.page, n.incident.key.rule) for n in notices] == [
        (Event.RESOLVE, False, "restricted-model (observe)"),
        (Event.OPEN, True, "restricted-model"),
    ]


def test_each_part_of_the_guard_is_a_trouble_of_its_own_whoever_is_told() -> None:
    sensor = Version("sensor", "nlp", "dagster:1")
    stale = trouble_with(sensor, GUARD_STALE, "m", "f")
    found = verdict_on_itself(sensor, at(0), stale)
    assert key_of(stale, found, "prod", "team:nlp") == IncidentKey("prod", GUARD_STALE, "sensor:nlp", "")
    blind = verdict(blind=True)
    assert key_of(blind.findings[0], blind, "prod", "team:nlp") == IncidentKey(
        "prod", "guard-cannot-see", "guard-cannot-see", ""
    )


def test_without_groups_of_owners_everybody_is_the_audience() -> None:
    found = verdict(0, GPT)
    assert key_of(found.findings[0], found, "prod") == IncidentKey("prod", "restricted-model", CAUSE, "")


def test_what_only_warns_is_nothing_to_be_told() -> None:
    found = verdict(0, GPT)
    (finding,) = found.findings
    assert stopping(replace(found, findings=(finding, replace(finding, effect=Effect.WARN)))) == (finding,)
    unknown = replace(finding, effect=Effect.UNKNOWN)
    assert stopping(replace(found, findings=(unknown,))) == (unknown,)


def test_a_target_is_taken_apart_at_its_last_colon() -> None:
    assert asset_of("dagster://prod:nlp/student") == ("dagster://prod", "nlp/student")
