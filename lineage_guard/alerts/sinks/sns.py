"""Amazon SNS: one message per alert; the only place in ``alerts/`` that knows boto3."""

from __future__ import annotations

import json
import re
from functools import cached_property
from typing import Any, cast

from lineage_guard.alerts.alert import Alert
from lineage_guard.alerts.sinks.base import Undelivered
from lineage_guard.alerts.sinks.deadline import DeadlineExceeded, within
from lineage_guard.alerts.sinks.exchange import TIMEOUT, unanswered
from lineage_guard.domain.errors import ConfigError

#: Limits of the Publish action (SNS API reference): message and attributes together; ASCII subject.
MESSAGE_BYTES = 262_144
SUBJECT_CHARACTERS = 99
_ARN = re.compile(r"arn:[a-z-]+:sns:([a-z0-9-]+):\d{12}:[A-Za-z0-9_-]+(\.fifo)?")
#: Refusals that speak of this one message.
_ONLY_THIS = frozenset({"InvalidParameter", "InvalidParameterValue", "ValidationError"})


class SnsSink:
    """Publishes the alert: JSON to queues and functions, plain text to mail, the headline to SMS.

    Filter policies can select on the attributes ``event``, ``kind``, ``page``, ``reason``,
    ``rule``, ``deployment`` and ``incident``. A FIFO topic gets the incident as its group and
    the alert id for deduplication.

    Args:
        topic_arn: ARN of the topic; its region is used.
        name: how it is named in reports; ``sns:<topic>`` when ``None``.
        endpoint_url: for a local server; boto3's own variables work too.
        timeout: seconds for the whole exchange.

    Raises:
        ConfigError: the ARN is not that of a topic.

    Example:
        >>> SnsSink("arn:aws:sns:eu-west-1:123456789012:on-call").name
        'sns:on-call'
    """

    def __init__(
        self, topic_arn: str, name: str | None = None, endpoint_url: str | None = None, timeout: float = TIMEOUT
    ) -> None:
        match = _ARN.fullmatch(topic_arn)
        if match is None:
            raise ConfigError(
                f"{topic_arn!r} is not the ARN of an SNS topic",
                where="LINEAGE_GUARD_SNS_TOPIC_ARN",
                fix="use the form arn:aws:sns:<region>:<account>:<topic>",
            )
        self._arn = topic_arn
        self._region = match[1]
        self._fifo = match[2] is not None
        self._name = name or f"sns:{topic_arn.rpartition(':')[2]}"
        self._endpoint_url = endpoint_url
        self._timeout = timeout

    @property
    def name(self) -> str:
        """Stable name of this sink."""
        return self._name

    @cached_property
    def _client(self) -> Any:
        import boto3
        from botocore.config import Config

        config = Config(connect_timeout=self._timeout, read_timeout=self._timeout, retries={"total_max_attempts": 1})
        # The default session is not safe to share between threads.
        client = cast(Any, boto3).Session().client
        return client("sns", region_name=self._region, endpoint_url=self._endpoint_url, config=config)

    def send(self, alert: Alert) -> None:
        """Publish it; every refusal and every failure to reach SNS is ``Undelivered``."""
        from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, ReadTimeoutError
        from botocore.parsers import ResponseParserError

        order = {"MessageGroupId": alert.incident, "MessageDeduplicationId": alert.id} if self._fifo else {}
        client = self._client
        try:
            within(
                self._timeout,
                lambda: client.publish(
                    TopicArn=self._arn,
                    Subject=subject(alert.headline),
                    Message=_message(alert),
                    MessageStructure="json",
                    MessageAttributes=_attributes(alert),
                    **order,
                ),
            )
        except ClientError as error:
            code = str(cast(Any, error).response.get("Error", {}).get("Code", "error"))
            raise Undelivered(
                f"SNS answered {code}",
                where=self._name,
                fix="check that the topic exists and that this process may call sns:Publish on it",
                only_this=code in _ONLY_THIS,
            ) from None
        except (DeadlineExceeded, ConnectTimeoutError, ReadTimeoutError) as error:
            raise unanswered(error, self._name) from None
        except (BotoCoreError, ResponseParserError) as error:
            raise Undelivered(
                f"SNS could not be reached: {type(error).__name__}",
                where=self._name,
                fix="check network, region and credentials of this process",
            ) from None


def subject(headline: str) -> str:
    """A headline as SNS takes it: printable ASCII, no line breaks, under 100 characters."""
    text = headline.encode("ascii", "replace").decode()
    text = "".join(c if c.isprintable() else " " for c in text).strip() or "Lineage Guard"
    return text if len(text) <= SUBJECT_CHARACTERS else text[: SUBJECT_CHARACTERS - 3] + "..."


def _message(alert: Alert) -> str:
    """One JSON object with a body per protocol; not escaped to ASCII, which would cost six bytes a letter."""
    bodies = {
        "default": json.dumps(alert.to_dict(), ensure_ascii=False, sort_keys=True),
        "email": alert.text(),
        "sms": alert.headline[:140],
    }
    return json.dumps(bodies, ensure_ascii=False)


def _attributes(alert: Alert) -> dict[str, dict[str, str]]:
    values = {
        "event": alert.event,
        "kind": alert.kind,
        "page": "true" if alert.page else "false",
        "reason": alert.reason,
        "rule": alert.rule,
        "deployment": alert.deployment,
        "incident": alert.incident,
    }
    return {k: {"DataType": "String", "StringValue": v} for k, v in values.items() if v}
