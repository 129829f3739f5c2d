"""Routes: who is told what, by owner, asset and kind; nothing is unrouted, and an end goes where its beginning went."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from alerting import CLAUDE, GPT, TextLedger, at, verdict
from jsonschema import Draft202012Validator

from lineage_guard.alerts import Alert, Context, Destinations, Route, Routes, destinations, send, sinks_from_env
from lineage_guard.alerts.routes.routes_file import parse_routes
from lineage_guard.catalog.documents import schema
from lineage_guard.domain.errors import ConfigError

FILE = """\
format: 1
sinks:
  nlp-pager: {kind: pagerduty, routing_key_env: NLP_KEY}
  nlp-chat: {kind: slack, token_env: SLACK_BOT_TOKEN, channel: C0123456789}
  nlp-mail: {kind: mail, url_env: SMTP_URL, from: guard@example.com, to: [nlp@example.com], owners: ["*@example.com"]}
  archive: {kind: sns, topic_arn: "arn:aws:sns:eu-west-1:123456789012:all"}
  bridge: {kind: webhook, url_env: BRIDGE_URL, secret_env: BRIDGE_SECRET}
  teams: {kind: apprise, url_env: TEAMS_URL}
routes:
  - owners: ["team:nlp", "*@nlp.example.com"]
    sinks: [nlp-pager, nlp-chat]
  - assets: ["chat/*"]
    sinks: [nlp-mail]
  - kinds: [BLIND]
    sinks: [platform]
default: [archive]
"""
SET = {
    "NLP_KEY": "0123456789abcdef0123456789abcdef",
    "SLACK_BOT_TOKEN": "xoxb-1-s3cret",
    "SMTP_URL": "smtp://u:s3cret@mail.example.com",
    "BRIDGE_URL": "https://bridge.example.com/s3cret",
    "BRIDGE_SECRET": "hush",
    "TEAMS_URL": "json://s3cret.example.com/x",
}


class Keeps:
    """A sink that keeps what it gets, or refuses."""

    def __init__(self, name: str, dead: bool = False) -> None:
        self.name = name
        self.dead = dead
        self.got: list[Alert] = []

    def send(self, alert: Alert) -> None:
        if self.dead:
            raise ConnectionError
        self.got.append(alert)

    @property
    def events(self) -> list[str]:
        return [a.event for a in self.got]


def parse(text: str, environ: dict[str, str] = SET):
    return parse_routes(text, "routes.yaml", environ, ["log", "platform"])


@pytest.mark.parametrize(
    ("kind", "target", "owners", "names"),
    [
        ("BLOCKED", "default:student", ["team:nlp"], ["nlp-pager", "nlp-chat"]),
        ("BLOCKED", "default:student", ["Ann@NLP.example.com"], ["nlp-pager", "nlp-chat"]),
        ("BLOCKED", "default:chat/student", ["team:nlp"], ["nlp-pager", "nlp-chat", "nlp-mail"]),
        ("BLOCKED", "dagster://prod:chat/student", ["team:nlp"], ["nlp-pager", "nlp-chat", "nlp-mail"]),
        ("BLOCKED", "default:student", ["team:vision"], ["archive"]),
        ("BLOCKED", "default:student", [], ["archive"]),
        ("BLIND", "", [], ["platform"]),
    ],
)
def test_every_matching_route_is_taken_and_the_default_when_none_is(kind, target, owners, names):
    _, routes = parse(FILE)
    assert list(routes.sinks_for(kind, target, owners)) == ["log", *names]


def test_owners_are_found_whatever_the_namespace_of_the_deployment():
    context = Context(owners={"nlp/student": ("team:nlp",)})
    targets = ["dagster://prod:nlp/student", "https://dagster.example:3000:nlp/student"]
    assert context.owners_of(targets) == ("team:nlp",)


def test_without_a_default_what_no_route_takes_goes_to_every_sink_of_the_environment():
    _, routes = parse(FILE.replace("default: [archive]\n", ""))
    assert routes.sinks_for("BLOCKED", "x:y", ()) == ("log", "platform")


def test_the_sinks_of_a_file_are_made_with_the_secrets_of_the_environment():
    sinks, _ = parse(FILE)
    assert [(s.name, type(s).__name__) for s in sinks] == [
        ("nlp-pager", "PagerDutySink"),
        ("nlp-chat", "SlackSink"),
        ("nlp-mail", "MailSink"),
        ("archive", "SnsSink"),
        ("bridge", "WebhookSink"),
        ("teams", "AppriseSink"),
    ]
    assert "s3cret" not in repr(sinks)
    assert "hush" not in repr(sinks)


def test_a_sink_without_its_variable_keeps_its_alerts_and_the_others_get_theirs():
    made, routes = parse(FILE, {**SET, "NLP_KEY": ""})
    chat, log = Keeps("nlp-chat"), Keeps("log")
    to = Destinations((log, chat, *(s for s in made if s.name != "nlp-chat")), routes)
    context = Context(owners={"student": ("team:nlp",)})
    ledger = TextLedger()
    report = send([verdict(0, GPT)], to, ledger, at(0), context)
    assert report.failed[0][1:] == (
        "nlp-pager",
        "nlp-pager: it is not set up: the variable NLP_KEY is not set. To fix: set it where the sensor runs",
    )
    assert (chat.events, log.events) == (["OPEN"], ["OPEN"])
    pager = Keeps("nlp-pager")
    send([], Destinations((log, chat, pager), routes), ledger, at(5), context)
    assert pager.events == ["OPEN"]


@pytest.mark.parametrize(
    ("old", "new", "where", "what"),
    [
        ("format: 1\n", "", "1:1", "lacks 'format'"),
        ("[nlp-mail]", "[nlp-male]", "13:13", "no sink is called 'nlp-male'. To fix: did you mean 'nlp-mail'?"),
        ("default: [archive]", "default: [pager]", "16:11", "no sink is called 'pager'"),
        ("kind: slack", "kind: slak", "4:14", "cannot be 'slak'. To fix: did you mean 'slack'?"),
        ("routing_key_env: NLP_KEY", "url: x", "3:3", "lacks 'routing_key_env'"),
        ("channel: C0123456789", "channel: C1, topic_arn: x", "4:68", "a slack sink has no 'topic_arn'"),
        ('owners: ["team:nlp"', 'owner: ["team:nlp"', "10:5", "unknown key 'owner'. To fix: did you mean 'owners'?"),
        ("kinds: [BLIND]", "kinds: [BLIN]", "14:13", "cannot be 'BLIN'"),
        ("  archive:", "  platform:", "6:3", "there is a sink 'platform' already"),
        ("  archive:", "  nlp-mail:", "6:3", "key 'nlp-mail' stands twice"),
        ("default: [archive]", "default: [", "17:1", "not valid YAML"),
    ],
)
def test_an_error_names_line_column_and_fix(old, new, where, what):
    assert old in FILE
    with pytest.raises(ConfigError) as caught:
        parse(FILE.replace(old, new, 1))
    assert str(caught.value).startswith(f"routes.yaml:{where}: ")
    assert what in str(caught.value)


@pytest.mark.parametrize("secret", ["xoxb-1-s3cret", "https://x/s3cret", "0s3cret"])
def test_a_secret_in_the_file_is_refused_without_showing_it(secret):
    with pytest.raises(ConfigError) as caught:
        parse(FILE.replace("SLACK_BOT_TOKEN", f'"{secret}"'))
    assert "s3cret" not in str(caught.value)
    assert "is not the name of an environment variable" in str(caught.value)


def test_the_schema_is_published_and_holds_for_the_example():
    import yaml
    from click.testing import CliRunner

    from lineage_guard.cli import cli

    published = json.loads(CliRunner().invoke(cli, ["schema", "alert-routes"]).output)
    assert published == schema("alert-routes")
    Draft202012Validator.check_schema(published)
    Draft202012Validator(published).validate(yaml.safe_load(FILE))


def test_an_end_goes_where_its_beginning_went_whatever_owners_and_routes_are_by_then():
    nlp, vision, late = Keeps("nlp"), Keeps("vision"), Keeps("late")
    routes = Routes((Route(("nlp",), owners=("team:nlp",)), Route(("vision",), owners=("team:vision",))))
    ledger = TextLedger()
    before = Context(owners={"student": ("team:nlp",)})
    after = Context(owners={"student": ("team:vision",)})
    send([verdict(0, GPT)], Destinations((Keeps("log"), nlp, vision), routes), ledger, at(0), before)
    everything = Destinations((Keeps("log"), nlp, vision, late), Routes((Route(("late",)),)))
    send([verdict(1, GPT, sources=("synth", "more"))], everything, ledger, at(1), after)
    send([verdict(2)], everything, ledger, at(2), after)
    assert nlp.events == ["OPEN", "WIDEN", "RESOLVE"]
    assert (vision.events, late.events) == ([], [])


def test_an_end_that_waited_with_its_beginning_arrives_after_it():
    pager, ledger = Keeps("pager", dead=True), TextLedger()
    send([verdict(0, GPT)], [pager], ledger, at(0))
    send([verdict(1)], [pager], ledger, at(1))
    pager.dead = False
    send([], [pager], ledger, at(120))
    assert pager.events == ["OPEN", "RESOLVE"]


def test_what_is_forgotten_leaves_nothing_behind():
    ledger, sink = TextLedger(), Keeps("pager")
    send([verdict(0, GPT), verdict(0, CLAUDE, target="other")], [sink], ledger, at(0))
    assert len(json.loads(ledger.texts["alerts"])["outbox"]["conversations"]) == 2
    send([verdict(1), verdict(1, target="other")], [sink], ledger, at(1))
    send([], [sink], ledger, at(60))
    assert json.loads(ledger.texts["alerts"])["outbox"]["conversations"] == {}


def test_a_state_of_the_version_before_is_read():
    ledger, sink = TextLedger(), Keeps("pager")
    send([verdict(0, GPT)], [sink], ledger, at(0))
    state = json.loads(ledger.texts["alerts"])
    del state["outbox"]["conversations"], state["outbox"]["paces"]
    ledger.texts["alerts"] = json.dumps(state)
    send([verdict(1)], [sink], ledger, at(1))
    assert sink.events == ["OPEN", "RESOLVE"]


def test_the_environment_names_every_sink(tmp_path):
    file = tmp_path / "routes.yaml"
    file.write_text(FILE.replace("[platform]", "[pagerduty]"))
    environ = {
        **SET,
        "LINEAGE_GUARD_PAGERDUTY_ROUTING_KEY": SET["NLP_KEY"],
        "LINEAGE_GUARD_SLACK_TOKEN": "xoxb-1-s3cret",
        "LINEAGE_GUARD_SLACK_CHANNEL": "C1",
        "LINEAGE_GUARD_SMTP_URL": SET["SMTP_URL"],
        "LINEAGE_GUARD_MAIL_FROM": "guard@example.com",
        "LINEAGE_GUARD_MAIL_TO": "a@example.com, b@example.com",
        "LINEAGE_GUARD_WEBHOOK_URL": "https://hooks.example.com/s3cret",
        "LINEAGE_GUARD_SNS_TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:on-call",
        "LINEAGE_GUARD_APPRISE_URLS": "json://a/s3cret json://b/s3cret",
        "LINEAGE_GUARD_ALERT_ROUTES": str(file),
    }
    found = sinks_from_env(environ)
    names = "log webhook:hooks.example.com sns:on-call pagerduty slack mail apprise:json apprise:json-2"
    assert [s.name for s in found][:8] == names.split()
    assert len(found) == 14
    assert found.routes is not None
    assert "s3cret" not in repr(found)


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({"LINEAGE_GUARD_SLACK_TOKEN": "xoxb-s3cret"}, "slack"),
        ({"LINEAGE_GUARD_PAGERDUTY_ROUTING_KEY": "s3cret!"}, "pagerduty"),
        ({"LINEAGE_GUARD_SMTP_URL": "smtp://u:s3cret@h"}, "mail"),
        ({"LINEAGE_GUARD_APPRISE_URLS": "nothing://s3cret"}, "apprise"),
        ({"LINEAGE_GUARD_WEBHOOK_URL": "ftp://s3cret"}, "webhook"),
        ({"LINEAGE_GUARD_SNS_TOPIC_ARN": "arn"}, "sns"),
    ],
)
def test_one_wrong_setting_silences_no_other_sink(environ, name):
    good = {"LINEAGE_GUARD_PAGERDUTY_ROUTING_KEY": SET["NLP_KEY"]} if name != "pagerduty" else {}
    found = destinations({**good, **environ})
    assert {"log", name, *(["pagerduty"] if good else [])} == {s.name for s in found}
    assert len(found.problems) == 1
    assert "s3cret" not in f"{found!r} {found.problems[0]}"
    report = send([verdict(0, GPT)], found[:1] + tuple(s for s in found if s.name == name), TextLedger(), at(0))
    assert "it is not set up" in report.failed[0][2]
    with pytest.raises(ConfigError):
        sinks_from_env(environ)


def test_a_file_of_routes_that_cannot_be_used_sends_everything_everywhere(tmp_path):
    found = destinations({"LINEAGE_GUARD_ALERT_ROUTES": str(tmp_path / "none.yaml"), "LINEAGE_GUARD_SNS_TOPIC_ARN": ""})
    assert found.routes is None
    assert "cannot be read" in str(found.problems[0])
    assert found.names_for(replace(_alert(), owners=("team:nlp",))) == ("log",)


def _alert() -> Alert:
    from lineage_guard.alerts.content.notices import sample

    return sample(at(0), Context())
