"""Mail against a real SMTP server: threads, recipients, logins, and names that cannot add a header."""

from __future__ import annotations

import email
import logging
import smtplib
from dataclasses import replace
from email.policy import default

import pytest
from alerting import GPT, TextLedger, at, verdict
from receivers import Mailbox, certificate, slow_server

from lineage_guard.alerts import Context, MailSink, Undelivered, send
from lineage_guard.alerts.content.notices import sample
from lineage_guard.alerts.sinks.exchange import unanswered
from lineage_guard.alerts.sinks.mail import server_of
from lineage_guard.domain.errors import ConfigError

CONTEXT = Context("prod", "https://dagster.example", "docs/runbooks", {"student": ("team:nlp", "ann@nlp.example")})
SENDER, TO = "guard@example.com", ["on-call@example.com"]


def sink_at(place, **options):
    return MailSink(server_of(f"smtp://{place}?tls=off"), SENDER, TO, **options)


def read(mailbox):
    return [email.message_from_bytes(content, policy=default) for _, _, content in mailbox.mails]


def test_an_incident_is_one_thread_of_mails():
    mailbox, ledger = Mailbox(), TextLedger()
    with mailbox.serving() as place:
        send([verdict(0, GPT)], [sink_at(place)], ledger, at(0), CONTEXT)
        send([verdict(1)], [sink_at(place)], ledger, at(1), CONTEXT)
    first, last = read(mailbox)
    assert first["Subject"].startswith("[BLOCKED] default:student would learn from openai/gpt-4o")
    assert first["In-Reply-To"] is None
    assert last["Subject"].startswith("[RESOLVED]")
    assert last["In-Reply-To"] == last["References"] == first["Message-ID"]
    assert last["Message-ID"] != first["Message-ID"]
    assert first["Auto-Submitted"] == "auto-generated"
    text = first.get_body(("plain",)).get_content()
    assert "To unblock:" in text
    assert "lineage-guard explain student" in text
    html = first.get_body(("html",)).get_content()
    assert "<pre>openai/gpt-4o via api.openai.com" in html
    assert 'href="https://dagster.example/assets/student"' in html


def test_owners_get_it_only_when_that_is_asked_for_and_its_end_goes_to_the_same():
    mailbox, ledger = Mailbox(), TextLedger()
    with mailbox.serving() as place:
        send([verdict(0, GPT)], [sink_at(place)], TextLedger(), at(0), CONTEXT)
        sink = sink_at(place, owners=["*@NLP.example"])
        send([verdict(0, GPT)], [sink], ledger, at(0), CONTEXT)
        other = replace(CONTEXT, owners={"student": ("bob@nlp.example", "eve@elsewhere.example")})
        send([verdict(1)], [sink], ledger, at(1), other)
    assert [to for _, to, _ in mailbox.mails] == [TO, [*TO, "ann@nlp.example"], [*TO, "ann@nlp.example"]]


def test_hostile_names_add_no_header_no_recipient_and_no_markup():
    hostile = "x\r\nBcc: eve@example.com\r\n\r\n<script>alert(1)</script>\ud800"
    mailbox = Mailbox()
    with mailbox.serving() as place:
        one = sample(at(0), CONTEXT)
        owners = ("ann@example.com, eve@example.com", "a@b\r\nRCPT TO:<eve@example.com>", hostile)
        fields = {"headline": hostile, "message": hostile, "incident": hostile, "id": hostile, "path": (hostile,)}
        sink_at(place, owners=["*"]).send(replace(one, **fields, owners=owners, links={hostile: "javascript:alert(1)"}))
    ((_, to, _),) = mailbox.mails
    assert to == TO
    (mail,) = read(mailbox)
    assert mail["Bcc"] is None
    assert mail["To"] == "on-call@example.com"
    html = mail.get_body(("html",)).get_content()
    assert "<script>" not in html
    assert 'href="javascript' not in html


def test_a_password_is_used_and_never_shown(caplog):
    mailbox = Mailbox()
    with mailbox.serving() as place:
        with pytest.raises(ConfigError, match="in the clear"):
            server_of(f"smtp://me:s3cret@{place}?tls=off")
        sink = MailSink(server_of(f"smtp://me%40x:s3cret@{place}"), SENDER, TO)
        report = send([verdict(0, GPT)], [sink], TextLedger(), at(0))
    assert "refused STARTTLS or login; nothing was sent in the clear" in report.failed[0][2]
    assert mailbox.logins == []
    shown = f"{report} {sink!r} {sink._server!r} {[r.getMessage() for r in caplog.records]}"
    assert "s3cret" not in shown


def test_starttls_with_a_trusted_certificate_logs_in(monkeypatch):
    mailbox = Mailbox(tls=True)
    monkeypatch.setenv("SSL_CERT_FILE", certificate()[0])
    with mailbox.serving() as place:
        MailSink(server_of(f"smtp://me%40x:p%2Fw@{place}"), SENDER, TO).send(sample(at(0), CONTEXT))
    assert mailbox.logins == [(b"me@x", b"p/w")]
    assert len(mailbox.mails) == 1


def test_one_refused_recipient_does_not_keep_it_from_the_others(caplog):
    mailbox = Mailbox(fault=("rcpt", "550 no such user"))
    with mailbox.serving() as place:
        sink = MailSink(server_of(f"smtp://{place}?tls=off"), SENDER, [*TO, "refused@example.com"])
        report = send([verdict(0, GPT)], [sink], TextLedger(), at(0))
        assert len(report.delivered) == 1
        assert any(
            "refused 1 of the recipients" in r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR
        )
        with pytest.raises(Undelivered, match="every recipient"):
            MailSink(server_of(f"smtp://{place}?tls=off"), SENDER, ["refused@example.com"]).send(sample(at(0), CONTEXT))


@pytest.mark.parametrize(
    "url",
    ["mail.example.com", "smtp://", "smtp://h:99999", "smtp://u:s3cret@h?tls=no", "smtp://h?x=s3cret", "http://h"],
)
def test_a_url_that_is_none_is_refused_without_showing_it(url):
    with pytest.raises(ConfigError) as caught:
        server_of(url)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(("sender", "to"), [("x", TO), (SENDER, []), (SENDER, ["a@b\nc"]), (SENDER, ["Ann <a@b.c>"])])
def test_addresses_are_plain(sender, to):
    with pytest.raises(ConfigError):
        MailSink(server_of("smtp://h"), sender, to)


def test_a_read_that_timed_out_is_called_so_although_smtplib_says_disconnected():
    # Whichever comes first, the deadline of the exchange or the timeout of the read.
    with slow_server(drip=False) as place, pytest.raises(smtplib.SMTPServerDisconnected) as seen:
        smtplib.SMTP(*place.split(":"), timeout=0.05)
    assert "no answer in time" in str(unanswered(seen.value, "mail"))
