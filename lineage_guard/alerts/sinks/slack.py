"""Slack: one message per incident, posted when it opens and updated until it is over."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from lineage_guard.alerts.alert import Alert
from lineage_guard.alerts.pacing import Rate
from lineage_guard.alerts.sinks.base import Undelivered
from lineage_guard.alerts.sinks.exchange import TIMEOUT, host_of, post
from lineage_guard.alerts.sinks.slack_blocks import blocks_of, escaped
from lineage_guard.domain.errors import ConfigError
from lineage_guard.domain.incidents.incidents import Event

#: Where the Web API is; GovSlack has https://slack-gov.com/api.
URL = "https://slack.com/api"
#: Errors that say the message of an incident can no longer be updated: it is posted anew.
_GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed", "is_inactive"})
#: Errors that speak of this one message.
_ONLY_THIS = frozenset(
    {"msg_too_long", "msg_blocks_too_long", "invalid_blocks", "invalid_blocks_format", "invalid_arguments", "no_text"}
)
_FIXES = {
    "channel_not_found": "check the channel's id, and invite the app when the channel is private",
    "not_in_channel": "invite the app to the channel",
    "is_archived": "name a channel that is in use",
    "missing_scope": "give the app the scope chat:write and install it again",
}


class SlackSink:
    """Posts by ``chat.postMessage`` and updates by ``chat.update``; the app needs the scope ``chat:write``.

    An update notifies nobody. Slack has no key by which it would drop a duplicate: a post whose
    answer does not come in time is sent again and may then stand there twice; the second is updated.
    Incoming webhooks cannot update, so their URLs are not taken.

    Args:
        token: of a bot, ``xoxb-…``.
        channel: its id, ``C0123456789``. A name works until the channel is renamed.
        name: how it is named in reports.
        url: of the Web API.
        timeout: seconds for the whole exchange.

    Raises:
        ConfigError: token, channel or URL cannot be right.

    Example:
        >>> SlackSink("xoxb-1-2-3", "C0123456789")
        SlackSink('slack')
    """

    #: Slack takes one message a second for a channel, and short bursts.
    rate = Rate(burst=10, per_second=1)

    def __init__(self, token: str, channel: str, name: str = "slack", url: str = URL, timeout: float = TIMEOUT) -> None:
        if not re.fullmatch(r"xox[a-z.-]*-[\x21-\x7e]+", token):
            raise ConfigError(
                "the Slack token is not one: it begins with xoxb-",
                where=name,
                fix="copy the bot token of your Slack app; incoming webhooks are not supported, they cannot update",
            )
        if not re.fullmatch(r"[#\w.-]{1,100}", channel):
            raise ConfigError("the Slack channel is not one", where=name, fix="give its id, e.g. C0123456789")
        host_of(url, "Slack", where=name, fix=f"use {URL}, or none")
        self._token = token
        self._channel = channel
        self._name = name
        self._url = url.rstrip("/")
        self._timeout = timeout

    @property
    def name(self) -> str:
        """Stable name of this sink."""
        return self._name

    def __repr__(self) -> str:
        return f"SlackSink({self._name!r})"

    def send(self, alert: Alert) -> None:
        """Post one alert without knowing of earlier ones."""
        self.follow(alert, {})

    def follow(self, alert: Alert, note: Mapping[str, str]) -> Mapping[str, str]:
        """Post the incident's message, or update it where the note says it is."""
        message: dict[str, Any] = {
            "text": escaped(alert.headline, 3000),
            "blocks": blocks_of(alert),
            "parse": "none",
            "link_names": False,
        }
        if alert.event != Event.OPEN and note.get("ts"):
            answer = self._call("chat.update", {**message, "channel": note["channel"], "ts": note["ts"]})
            if answer.get("ok") is True:
                return note
        answer = self._call("chat.postMessage", {**message, "channel": self._channel, "unfurl_links": False})
        return {"channel": str(answer.get("channel") or self._channel), "ts": str(answer.get("ts") or "")}

    def _call(self, method: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """What Slack answers: ``ok``, or not ``ok`` because the message to update is gone."""
        headers = {"content-type": "application/json; charset=utf-8", "authorization": f"Bearer {self._token}"}
        body = json.dumps(arguments, ensure_ascii=False).encode()
        answer = post(f"{self._url}/{method}", body, headers, self._timeout, self._name)
        if answer.status != 200:
            raise Undelivered(
                f"Slack answered {answer.status}",
                where=self._name,
                fix="429 and 5xx pass; for any other check the URL",
                retry_after=answer.retry_after,
            )
        said = answer.json()
        if said.get("ok") is True:
            return said
        error = _code(said.get("error"))
        if method == "chat.update" and error in _GONE:
            return {}
        raise Undelivered(
            f"Slack answered {error}",
            where=self._name,
            fix=_FIXES.get(error, "see this error of the method in Slack's documentation"),
            retry_after=answer.retry_after,
            only_this=error in _ONLY_THIS,
        )


def _code(value: object) -> str:
    """Slack's error code, and nothing else that a server may send in its place."""
    return value if isinstance(value, str) and re.fullmatch(r"[a-z_]{1,60}", value) else "no known error"
