"""Random histories of verdicts, and what a receiver makes of what it is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from lineage_guard.alerts.state import incidents_from_dict, incidents_to_dict
from lineage_guard.domain.facts import ModelSource, Version
from lineage_guard.domain.incidents.incident import Event, Incident, Incidents, Notice, Place
from lineage_guard.domain.incidents.incidents import place_of
from lineage_guard.domain.incidents.storms import Digest
from lineage_guard.domain.incidents.telling import Manner, Telling, tell
from lineage_guard.domain.rules.policy import ReasonCode
from lineage_guard.domain.rules.terms import Effect
from lineage_guard.domain.verdict.decide import Decision, Finding, Verdict
from lineage_guard.domain.verdict.modes import Mode

T0 = datetime(2026, 1, 1, tzinfo=UTC)
TARGETS = ["m1", "m2", "m3", "m4"]
WINDOW = timedelta(minutes=5)
LIMIT = 2
GAPS = st.sampled_from([0, 1, 4, 5, 29, 30, 31, 90])
MANY = st.binary(min_size=26, max_size=26)


def minutes_later(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


def verdict_of(code: bytes, minutes: float) -> Verdict:
    """A verdict from five bytes: one draw each, where a strategy with a draw per field takes ten times as long."""
    where, found_in, waives, when, how = code
    target = Version("d", TARGETS[where % 4], (None, None, "", "p")[where // 4 % 4], "r")
    found = []
    for n in range(6):
        # Each of six troubles in one verdict of four; in one of three nothing at all.
        if how % 3 == 0 or (found_in * 37 + n * 101 + where * 13) % 4:
            continue
        subject = Version("d", ("s1", "s2")[found_in >> n & 1])
        waived = "w" if (waives >> n & 1) and waives % 4 == 0 else None
        if n == 0:
            rule, reason, model, subject = "guard-cannot-see", ReasonCode.GUARD_CANNOT_SEE, None, target
        elif n == 1:
            rule, reason, model = "gaps", ReasonCode.NO_PROVENANCE, None
        else:
            rule, reason, model = "restricted", ReasonCode.RESTRICTED_MODEL, ModelSource("x", f"m{n}")
        effect = Effect.BLOCK if n != 1 else Effect.UNKNOWN
        found.append(Finding(rule, reason, effect, "m", "f", subject, (target, subject), model=model, waived_by=waived))
    stops = any(not f.waived_by for f in found)
    return Verdict(
        decision=Decision.BLOCK if stops else Decision.ALLOW,
        stops=stops,
        target=target,
        use="train_competing",
        at=minutes_later(minutes - when % 4),
        findings=tuple(found),
        obligations=(),
        policy="p",
        policy_digest="x",
        closure_digest=("c1", "c2")[when // 4 % 2],
        closure_size=1,
        watermark="",
        waivers=tuple(sorted({f.waived_by for f in found if f.waived_by})),
        mode=Mode.OBSERVE if how // 4 % 5 == 0 else Mode.ENFORCE,
    )


@st.composite
def histories(draw):
    minutes = 0
    ticks = []
    for gap, codes in draw(st.lists(st.tuples(GAPS, MANY), min_size=1, max_size=14)):
        minutes += gap
        batch = [codes[n : n + 5] for n in range(1, 1 + codes[0] % 6 * 5, 5)]
        ticks.append((minutes, [verdict_of(code, minutes) for code in batch]))
    return ticks


#: Who owns which asset; what is not named belongs to nobody in particular.
owners = st.dictionaries(st.sampled_from([f"d:{t}" for t in TARGETS]), st.sampled_from(["", "ann", "bob"]))


@dataclass
class Told:
    """One look: what was there before, what came, and what was told."""

    now: datetime
    batch: list[Verdict]
    before: Incidents
    state: Incidents
    tellings: tuple[Telling, ...]
    everything: list[Telling] = field(default_factory=list)


def restarted(state: Incidents) -> Incidents:
    """As the next process reads it."""
    again = incidents_from_dict(json.loads(json.dumps(incidents_to_dict(state))))
    assert again == state, "the state survives a restart"
    return again


def told(history, owned, limit=LIMIT) -> Iterator[Told]:
    """Play a history; between any two looks the process is restarted."""
    state = Incidents()
    everything: list[Telling] = []
    for minutes, batch in history:
        now = minutes_later(minutes)
        before = state
        manner = Manner(audience=lambda t: owned.get(t, ""), storm_limit=limit, storm_window=WINDOW)
        state, tellings = tell(before, batch, now, manner)
        state = restarted(state)
        everything.extend(tellings)
        yield Told(now, batch, before, state, tellings, everything)


def members(telling: Telling) -> dict[str, Incident]:
    """The incidents that a message speaks of as standing, by id."""
    if isinstance(telling, Notice):
        return {telling.incident.key.id: telling.incident}
    assert isinstance(telling, Digest)
    # A member may have changed within the same look; the digest lists it as it is at its end.
    return {n.incident.key.id: n.incident for n in telling.new} | {i.key.id: i for i in telling.members}


def thread(telling: Telling) -> str:
    """What a receiver files a message under."""
    if isinstance(telling, Notice):
        return telling.incident.key.id
    assert isinstance(telling, Digest)
    return telling.storm.id


def newest_of(history_so_far) -> dict[Place, list[Verdict]]:
    """The verdicts that count, per place: the newest, and all of them that are equally new."""
    newest: dict[Place, list[Verdict]] = {}
    for v in history_so_far:
        place = place_of(v)
        if place not in newest or v.at > newest[place][0].at:
            newest[place] = [v]
        elif v.at == newest[place][0].at:
            newest[place].append(v)
    return newest


__all__ = ["LIMIT", "T0", "TARGETS", "WINDOW", "Event", "Told", "histories", "members", "told", "verdict_of"]
