"""An alert as a mail: text, the same as small HTML, and headers that no name can add to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape

from lineage_guard.alerts.alert import Alert

_SUBJECT = 300
#: A subject is not folded: many programs show the blank where it was.
_POLICY = SMTP.clone(max_line_length=900)


def mail_of(alert: Alert, sender: str, to: Sequence[str], thread: str | None) -> EmailMessage:
    """The mail.

    Args:
        alert: what to tell.
        sender: address it comes from.
        to: addresses it goes to.
        thread: Message-ID of the mail that began the incident; ``None`` when this one does.
    """
    message = EmailMessage(policy=_POLICY)
    message["From"] = f"Lineage Guard <{sender}>"
    message["To"] = ", ".join(to)
    message["Subject"] = _line(alert.headline)
    message["Date"] = format_datetime(datetime.fromisoformat(alert.at))
    message["Message-ID"] = message_id(alert, sender)
    if thread:
        message["In-Reply-To"] = thread
        message["References"] = thread
    # RFC 3834: no vacation notes, please.
    message["Auto-Submitted"] = "auto-generated"
    message["X-Lineage-Guard-Incident"] = _line(alert.incident)
    message["X-Lineage-Guard-Event"] = _line(alert.event)
    message.set_content(_encodable(alert.text()) + "\n")
    message.add_alternative(_html(alert), subtype="html")
    return message


def message_id(alert: Alert, sender: str) -> str:
    """The same each time an alert is sent, so that mail programs drop a duplicate."""
    safe = "".join(c for c in alert.id if c.isascii() and c.isalnum())[:64]
    return f"<{safe or 'alert'}.lineage-guard@{sender.rpartition('@')[2]}>"


def _html(alert: Alert) -> str:
    def pre(lines: Sequence[str]) -> str:
        return f"<pre>{escape(chr(10).join(lines))}</pre>" if lines else ""

    parts = [f"<h2>{escape(alert.headline)}</h2>", f"<p>{escape(alert.message)}</p>"]
    if alert.listed:
        parts.append("<ul>" + "".join(f"<li>{escape(title)}</li>" for title in alert.listed) + "</ul>")
    if alert.path:
        parts += ["<h3>Path</h3>", pre([f"{'└─> ' if n else ''}{step}" for n, step in enumerate(alert.path)])]
    if alert.changed:
        parts.append(f"<p><b>What changed:</b> {escape(alert.changed)}</p>")
    if alert.impact:
        parts.append(f"<p><b>Downstream:</b> {escape(alert.impact)}</p>")
    if alert.whose:
        parts.append(f"<p><b>Owners:</b> {escape(', '.join(alert.whose))}</p>")
    if alert.ways:
        items = "".join(f"<li>{escape(w.title)}{pre(w.commands)}</li>" for w in alert.ways)
        parts.append(f"<h3>To unblock</h3><ol>{items}</ol>")
    links = [_link(url, name) for name, url in {**alert.links, "Runbook": alert.runbook}.items()]
    parts.append(f"<p>{' · '.join(links)}</p>")
    about = f"Rule {alert.rule} ({alert.reason}), policy {alert.policy or 'unknown'}, incident {alert.incident}"
    parts.append(f"<p><small>{escape(about)}</small></p>")
    return _encodable("<!doctype html><html><body>" + "\n".join(parts) + "</body></html>")


def _link(url: str, name: str) -> str:
    if not url.startswith(("https://", "http://")):
        return escape(f"{name}: {url}")
    return f'<a href="{escape(url)}">{escape(name)}</a>'


def _line(text: str) -> str:
    one = "".join(c if c.isprintable() else " " for c in text).strip()
    return one if len(one) <= _SUBJECT else one[: _SUBJECT - 1] + "…"


def _encodable(text: str) -> str:
    """Without lone surrogates, which no mail can carry."""
    return text.encode("utf-8", "replace").decode("utf-8")
