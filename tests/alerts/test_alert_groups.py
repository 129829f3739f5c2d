"""Groups, storms and waivers as receivers hear of them: what is sent, to whom, and that all of it ends."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from datetime import timedelta

from alerting import CLAUDE, GPT, POLICY, T0, TextLedger, at, verdict

from lineage_guard.alerts import Alert, Context, send
from lineage_guard.alerts.content.digests import LIST
from lineage_guard.alerts.routes.routing import Destinations, Route, Routes
from lineage_guard.alerts.sinks.slack_blocks import blocks_of
from lineage_guard.alerts.standing import Standing, standing
from lineage_guard.alerts.state import parse_state
from lineage_guard.domain.facts import ModelSource
from lineage_guard.domain.incidents.heartbeat import Heartbeat, verdict_on
from lineage_guard.domain.rules.waivers import Waiver
from lineage_guard.domain.verdict.modes import Mode


class Keep:
    """A sink that keeps what it was sent, and knows what a receiver would hold open."""

    def __init__(self, name: str = "keep") -> None:
        self.name = name
        self.alerts: list[Alert] = []
        self.open: dict[str, bool] = defaultdict(bool)

    def send(self, alert: Alert) -> None:
        self.alerts.append(alert)
        begins = alert.event in ("OPEN", "REOPEN")
        assert self.open[alert.incident] != begins, "it begins once, and nothing goes on that did not begin"
        self.open[alert.incident] = alert.event != "RESOLVE"

    def take(self) -> list[Alert]:
        taken, self.alerts = self.alerts, []
        return taken


class Named(TextLedger):
    """The same, with the names of its states."""

    def names(self, prefix: str = "") -> tuple[str, ...]:
        return tuple(sorted(name for name in self.texts if name.startswith(prefix)))


OWNED = Context(
    "prod",
    owners={"a": ("team:nlp",), "b": ("team:nlp", "ann@x.example"), "c": ("team:vision",), "d": ()},
    serve_url="https://guard.example",
)


def models(count: int) -> list[ModelSource]:
    return [ModelSource("openai", "gpt-4o", channel=f"c{n:03}") for n in range(count)]


def stands(ledger: Named) -> tuple[Standing, ...]:
    return standing(ledger)


def test_fifty_assets_under_one_model_are_one_page_with_the_first_few_and_how_many() -> None:
    ledger, sink = Named(), Keep()
    blocked = [verdict(0, GPT, target=f"m{n:02}") for n in range(50)]
    send(blocked, [sink], ledger, at(0), Context("prod"))
    (page,) = sink.take()
    assert (page.event, page.page, page.assets) == ("OPEN", True, 50)
    assert page.headline == (
        "[BLOCKED] 50 assets (default:m00, default:m01, default:m02 and 47 more) would learn from "
        "openai/gpt-4o via api.openai.com"
    )
    assert "The same stops 50 assets" in page.message
    assert page.targets[:2] == ("default:m00", "default:m01")
    send([verdict(1, GPT, target="late")], [sink], ledger, at(1), Context("prod"))
    (wider,) = sink.take()
    assert (wider.event, wider.page, wider.incident, wider.assets) == ("WIDEN", False, page.incident, 51)
    (one,) = stands(ledger)
    assert len(one.targets) == 51
    assert one.alert is not None
    assert one.alert.event == "WIDEN"


def test_owners_with_a_route_of_their_own_each_hear_of_theirs_once() -> None:
    log, nlp, vision, rest = sinks = [Keep(n) for n in ("log", "nlp", "vision", "rest")]
    routes = Routes((Route(("nlp",), owners=("team:nlp",)), Route(("vision",), owners=("team:vision",))), ("rest",))
    to, ledger = Destinations(tuple(sinks), routes), Named()
    send([verdict(0, GPT, target=t) for t in "abcd"], to, ledger, at(0), OWNED)
    assert [(a.event, a.page, a.targets) for a in nlp.take()] == [("OPEN", True, ("default:a", "default:b"))]
    assert [(a.owners, a.targets) for a in vision.take()] == [(("team:vision",), ("default:c",))]
    assert [(a.owners, a.targets) for a in rest.take()] == [((), ("default:d",))]
    assert len(log.take()) == 3
    send([verdict(1, target=t) for t in "abc"], to, ledger, at(1), OWNED)
    assert [a.event for a in nlp.take()] == ["RESOLVE"]
    assert [a.event for a in vision.take()] == ["RESOLVE"]
    assert rest.take() == []


def test_more_than_ten_at_once_are_one_digest_that_lists_them_and_each_still_ends() -> None:
    ledger, sink = Named(), Keep()
    send([verdict(0, *models(12), target="a")], [sink], ledger, at(0), OWNED)
    (digest,) = sink.take()
    assert (digest.event, digest.page, digest.reason, digest.kind) == ("OPEN", True, "STORM", "BLOCKED")
    assert digest.headline == "[STORM] 12 incidents at once, 1 training asset stopped"
    assert len(digest.scope) == 12
    assert all(f"via c{n:03}" in digest.scope[n] for n in range(12))
    assert digest.scope[11] in digest.text()
    assert digest.links["Incidents"] == f"https://guard.example/incidents?id={digest.incident}"
    assert digest.runbook == "https://guard.example/runbooks/storm"
    assert digest.owners == ("team:nlp",)
    assert {s.storm for s in stands(ledger)} == {digest.incident}
    assert {s.alert.headline for s in stands(ledger) if s.alert} == {f"[BLOCKED] {line}" for line in digest.scope}

    send([verdict(1, *models(13), target="a")], [sink], ledger, at(1), OWNED)
    (wider,) = sink.take()
    assert (wider.event, wider.page, len(wider.scope)) == ("WIDEN", False, 13)
    assert wider.message.startswith("1 incident joined. ")

    send([verdict(2, *models(3), target="a")], [sink], ledger, at(2), OWNED)
    (fewer,) = sink.take()
    assert (fewer.event, len(fewer.scope)) == ("NARROW", 3)
    assert "3 still stand" in fewer.headline
    assert "10 of them ended just now" in fewer.message

    send([verdict(3, target="a")], [sink], ledger, at(3), OWNED)
    (over,) = sink.take()
    assert (over.event, over.incident) == ("RESOLVE", digest.incident)
    assert stands(ledger) == ()

    send([verdict(4, *models(1), target="a")], [sink], ledger, at(4), OWNED)
    (back,) = sink.take()
    assert (back.event, back.page, back.reason) == ("REOPEN", False, "RESTRICTED_MODEL")


def test_ten_at_once_are_ten_pages_and_what_begins_after_a_storm_pages_by_itself() -> None:
    ledger, sink = Named(), Keep()
    each = [verdict(0, model, target=f"t{n}") for n, model in enumerate(models(10))]
    send(each, [sink], ledger, at(0), Context("prod"))
    assert [(a.event, a.page) for a in sink.take()] == [("OPEN", True)] * 10
    send([verdict(1, CLAUDE, target="a")], [sink], ledger, at(1), Context("prod"))
    assert [a.reason for a in sink.take()] == ["STORM"], "the eleventh within the window"
    send([verdict(7, CLAUDE, GPT, target="a")], [sink], ledger, at(7), Context("prod"))
    assert [(a.reason, a.page) for a in sink.take()] == [("RESTRICTED_MODEL", True)]


def test_nine_models_in_one_refused_step_are_one_page_that_names_them_all_and_each_still_ends() -> None:
    ledger, sink = Named(), Keep()
    send([verdict(0, *models(9), target="a", partition=p) for p in ("de", "en")], [sink], ledger, at(0), OWNED)
    (page,) = sink.take()
    assert (page.event, page.page, page.kind, page.reason) == ("OPEN", True, "BLOCKED", "RESTRICTED_MODEL")
    assert page.headline == (
        "[BLOCKED] default:a is stopped by 9 causes: openai/gpt-4o via c000, openai/gpt-4o via c001, "
        "openai/gpt-4o via c002 and 6 more"
    )
    assert page.causes == tuple(f"default:a would learn from openai/gpt-4o via c{n:03}" for n in range(9))
    assert all(cause in page.text() for cause in page.causes)
    assert page.path[-1].startswith("default:a")
    assert page.ways[0].commands == ("lineage-guard explain a --partition de",)
    assert len(page.ways) == 4
    assert "without openai/gpt-4o via c000 and the other 8 causes" in page.ways[1].title
    assert page.ways[3].title.endswith("Each other cause needs one of its own.")
    assert (page.partitions, page.targets, page.owners) == (2, ("default:a",), ("team:nlp",))
    assert page.runbook == "https://guard.example/runbooks/restricted-model"
    assert page.links["Incident"] == f"https://guard.example/incidents?id={page.incident}"
    assert {s.alert.headline for s in stands(ledger) if s.alert} == {f"[BLOCKED] {cause}" for cause in page.causes}
    assert {s.storm for s in stands(ledger)} == {page.incident}

    send([verdict(1, *models(1), target="c")], [sink], ledger, at(1), OWNED)
    (wider,) = sink.take()
    assert (wider.event, wider.page, wider.incident) == ("WIDEN", False, page.incident)
    assert wider.headline.startswith(
        "[STILL BLOCKED, WIDER] 2 assets (default:a and default:c) are stopped by 9 causes"
    )
    assert (wider.path, wider.ways) == (page.path, page.ways), "a chat that is updated loses none of it"

    send([verdict(2, *models(10), target="a", partition=p) for p in ("de", "en")], [sink], ledger, at(2), OWNED)
    (tenth,) = sink.take()
    assert (tenth.event, tenth.page, tenth.causes) == ("OPEN", True, ()), "a cause that is found later pages by itself"
    send([verdict(3, *models(2), target="a", partition=p) for p in ("de", "en")], [sink], ledger, at(3), OWNED)
    assert [(a.event, a.page) for a in sink.alerts] == [("RESOLVE", False), ("NARROW", False)]
    assert "7 of 9 causes that were found at once are over" in sink.take()[1].message
    send([verdict(4, target="a", partition=p) for p in ("de", "en")], [sink], ledger, at(4), OWNED)
    (fewer,) = sink.take()
    assert fewer.headline == "[STILL BLOCKED, FEWER] default:c is stopped by 1 cause: openai/gpt-4o via c000"
    send([verdict(5, target="c")], [sink], ledger, at(5), OWNED)
    (over,) = sink.take()
    assert (over.event, over.incident, over.ways, over.path) == ("RESOLVE", page.incident, (), ())
    assert over.headline == "[RESOLVED] default:a: the 9 causes that were found at once are over"
    assert stands(ledger) == ()

    send([verdict(6, *models(2), target="a")], [sink], ledger, at(6), OWNED)
    (back,) = sink.take()
    assert (back.event, back.page) == ("OPEN", False), "what is back within the window wakes nobody"
    assert back.headline.startswith("[BLOCKED AGAIN] default:a is stopped by 2 causes")


def test_one_of_a_number_is_said_in_the_singular() -> None:
    """What was told at once ends one by one, so one is over, stands or is back as often as several are."""
    one, two, three = models(3)
    ledger, sink = Named(), Keep()
    told: list[list[str]] = []
    for minute, found in enumerate([(one, two, three), (one, two), (one, two, three), (one, three)]):
        send([verdict(minute, *found, target="a")], [sink], ledger, at(minute), OWNED)
        told.append([a.message for a in sink.take()])
    assert told[0][0].startswith("3 causes were found at once; each ends by itself.")
    assert told[1] == ["Each cause ends by itself; 2 still stand. 1 of 3 causes that were found at once is over."]
    assert told[3] == [
        "Each cause ends by itself; 1 still stands. 1 of 3 causes that were found at once is over. "
        "1 of them came back since; it is told by itself."
    ]
    rules = (replace(POLICY.rules[0], id=f"rule-{n:02}") for n in range(12))
    many = replace(POLICY, rules=(*POLICY.rules, *rules))
    ledger, sink = Named(), Keep()
    send([verdict(0, GPT, target="a", policy=many)], [sink], ledger, at(0), OWNED)
    assert "1 cause: openai/gpt-4o via api.openai.com. So many at once" in sink.take()[0].message
    send([verdict(1, GPT, target="a")], [sink], ledger, at(1), OWNED)
    assert sink.take()[0].headline.endswith("; 1 still stands")


def test_one_model_that_two_rules_object_to_is_one_cause_and_its_findings_are_told_apart() -> None:
    ledger, sink = Named(), Keep()
    twice = replace(POLICY, rules=(*POLICY.rules, replace(POLICY.rules[0], id="house-rule")))
    send([verdict(0, GPT, target="a", policy=twice)], [sink], ledger, at(0), OWNED)
    (page,) = sink.take()
    assert page.headline == "[BLOCKED] default:a is stopped by 1 cause: openai/gpt-4o via api.openai.com, under 2 rules"
    said = "default:a would learn from openai/gpt-4o via api.openai.com (rule {})"
    assert sorted(page.causes) == [said.format("house-rule"), said.format("restricted-model")]
    assert page.message.startswith("2 findings were found at once; each ends by itself.")
    assert page.ways[0].title.startswith("See all 2 findings, ")
    assert "and the other" not in page.ways[1].title
    assert page.ways[-1].title.endswith("every verdict will show it. Each other rule needs one of its own.")
    send([verdict(1, target="a")], [sink], ledger, at(1), OWNED)
    (over,) = sink.take()
    assert over.headline == "[RESOLVED] default:a: the 2 findings that were found at once are over"


def test_a_group_counts_once_towards_a_storm_and_is_told_to_each_audience_by_itself() -> None:
    log, nlp, vision = sinks = [Keep(n) for n in ("log", "nlp", "vision")]
    routes = Routes((Route(("nlp",), owners=("team:nlp",)), Route(("vision",), owners=("team:vision",))))
    to, ledger = Destinations(tuple(sinks), routes), Named()
    send([verdict(0, *models(9), target=t) for t in "ac"], to, ledger, at(0), OWNED)
    assert [(a.event, a.page, len(a.causes), a.targets) for a in nlp.take()] == [("OPEN", True, 9, ("default:a",))]
    assert [(a.event, a.page, len(a.causes), a.targets) for a in vision.take()] == [("OPEN", True, 9, ("default:c",))]
    assert len(log.take()) == 2
    send([verdict(1, GPT, CLAUDE, target="b")], to, ledger, at(1), OWNED)
    assert [(a.reason, len(a.causes)) for a in nlp.take()] == [("RESTRICTED_MODEL", 2)], "two pages are no storm"


def test_what_is_only_observed_in_one_asset_is_one_message_that_wakes_nobody() -> None:
    ledger, sink = Named(), Keep()
    send([replace(verdict(0, GPT, CLAUDE, target="a"), mode=Mode.OBSERVE)], [sink], ledger, at(0), OWNED)
    (told,) = sink.take()
    assert (told.event, told.page) == ("OPEN", False)
    assert told.headline.startswith("[WOULD BLOCK] default:a would be stopped by 2 causes: ")


def test_hostile_names_of_many_causes_stay_within_what_each_sink_takes() -> None:
    ledger, sink = Named(), Keep()
    names = [f"<!channel> & `x` {'é' * 4000}{n}" for n in range(10)]
    send(
        [verdict(0, *(ModelSource("openai", n, channel="c") for n in names), target="a")], [sink], ledger, at(0), OWNED
    )
    (page,) = sink.take()
    assert len(page.causes) == 10
    assert len(page.headline) <= 600
    blocks = blocks_of(page)
    assert len(blocks) <= 50
    assert all(len(b["text"]["text"]) <= 3000 for b in blocks if b["type"] == "section")
    assert "<!channel>" not in json.dumps(blocks[1:]), "all but the header, which is plain text"


def test_a_limit_of_ones_own_and_a_storm_of_what_is_only_observed_wakes_nobody() -> None:
    ledger, sink = Named(), Keep()
    observed = replace(verdict(0, *models(3), target="a"), mode=Mode.OBSERVE)
    send([observed], [sink], ledger, at(0), Context("prod", storm_limit=2))
    (digest,) = sink.take()
    assert (digest.reason, digest.page) == ("STORM", False)
    assert digest.headline == "[STORM] 3 incidents at once, 1 training asset observed; nothing was stopped"


def test_a_storm_that_comes_back_is_one_message_that_wakes_nobody() -> None:
    ledger, sink = Named(), Keep()
    for minutes, found in ((0, models(12)), (1, []), (2, models(12))):
        send([verdict(minutes, *found, target="a")], [sink], ledger, at(minutes), Context("prod"))
    assert [(a.event, a.page) for a in sink.alerts] == [("OPEN", True), ("RESOLVE", False), ("OPEN", False)]
    assert sink.alerts[-1].headline == "[STORM AGAIN] 12 incidents at once, 1 training asset stopped"
    assert sink.alerts[-1].incident != sink.alerts[0].incident
    for minutes in (3, 33):
        send([verdict(3, target="a")], [sink], ledger, at(minutes), Context("prod"))
    assert [a.event for a in sink.alerts[3:]] == ["RESOLVE"]
    assert stands(ledger) == ()


def test_a_dead_daemon_is_one_page_and_not_one_for_each_sensor_it_ran() -> None:
    ledger, sink = Named(), Keep()
    beats = [Heartbeat(f"location-{n}", "dagster:1", at(0), timedelta(seconds=30)) for n in range(11)]
    send([verdict_on(b, at(60), silent=True) for b in beats], [sink], ledger, at(60), OWNED)
    (page,) = sink.take()
    assert (page.kind, page.reason, page.page, page.owners) == ("BLIND", "STORM", True, ())
    assert page.headline == "[STORM] 11 incidents at once: the guard cannot see"
    assert "location-7 is silent" in page.text()
    send([verdict_on(b, at(61), silent=False) for b in beats], [sink], ledger, at(61), OWNED)
    assert [a.event for a in sink.take()] == ["RESOLVE"]


def test_the_list_of_a_digest_fits_every_sink_whatever_things_are_called() -> None:
    ledger, sink = Named(), Keep()
    policy_blocks = [verdict(0, gap=True, sources=tuple(f"{'é' * 300}{n}" for n in range(300)), target="a")]
    send(policy_blocks, [sink], ledger, at(0), OWNED)
    (digest,) = sink.take()
    listed = sum(len(line.encode()) for line in digest.scope)
    assert listed < LIST + 1000
    assert "more: https://guard.example/incidents?id=lg-storm-" in digest.scope[-1]
    assert len(stands(ledger)) == 300, "nothing is missed: all of it stands"


def test_what_is_open_in_one_code_location_is_not_ended_by_another() -> None:
    ledger, sink = Named(), Keep()
    send([verdict(0, GPT, target="a")], [sink], ledger, at(0), OWNED, state="alerts-one")
    send([verdict(0, GPT, target="c")], [sink], ledger, at(0), OWNED, state="alerts-two")
    one, two = sink.take()
    assert one.incident != two.incident
    send([verdict(1, target="a")], [sink], ledger, at(1), OWNED, state="alerts-one")
    assert [a.incident for a in sink.take()] == [one.incident]
    assert [s.location for s in stands(ledger)] == ["two"]


def test_the_end_of_a_waiver_is_told_to_the_owners_of_what_passes_by_it_and_the_block_pages_by_itself() -> None:
    ledger, sink = Named(), Keep()
    end = at(60 * 24 * 8)
    waiver = Waiver("w1", "restricted-model", "*", "r", "ann", "bob", "T-9", end, model="gpt-4o")
    days = 60 * 24

    def tick(minutes: float) -> list[tuple[str, str, bool]]:
        seen = [verdict(minutes, GPT, target=t, waivers=(waiver,)) for t in "ac"]
        send(seen, [sink], ledger, at(minutes), OWNED, waivers=(waiver,))
        return [(a.event, a.kind, a.page) for a in sink.alerts]

    assert tick(0) == []
    tick(10)
    assert tick(1.5 * days) == [("OPEN", "WAIVER", False)]
    (told,) = sink.take()
    assert told.owners == ("team:nlp", "team:vision")
    assert told.headline == "[WAIVER ENDS] Waiver w1 ends within 7 days, on 2026-11-09 12:00 UTC."
    assert (told.reason, told.runbook) == ("WAIVER_ENDS", "https://guard.example/runbooks/waiver-ends")
    assert "(T-9), approved by bob" in told.message
    assert "lineage-guard waive request a --by <you>" in told.text()
    assert tick(7.5 * days) == [("WIDEN", "WAIVER", False)]
    sink.take()
    assert sorted(tick(8 * days)) == [("OPEN", "BLOCKED", True), ("RESOLVE", "WAIVER", False)]
    blocked = next(a for a in sink.take() if a.page)
    assert "waiver w1 ended or was taken back" in blocked.changed
    assert tick(8 * days + 1) == []


def test_an_alert_of_a_newer_version_can_still_be_read() -> None:
    ledger, sink = Named(), Keep()
    send([verdict(0, GPT)], [sink], ledger, at(0), OWNED)
    stored = json.loads(ledger.texts["alerts"])
    for said in stored["incidents"]["told"].values():
        said["invented_tomorrow"] = 1
    assert parse_state(stored)[2]
    ledger.texts["alerts"] = json.dumps(stored)
    assert stands(ledger)[0].alert == sink.alerts[0]
    assert stands(ledger)[0].since == T0
