"""What one HTTP exchange says of the model behind it. Pure: URL and bodies in, an ``Answer`` out.

The shapes are those of the public HTTP APIs: OpenAI and whatever speaks its dialect (Azure, vLLM,
Ollama, OpenRouter, Mistral, DeepSeek), Anthropic's Messages, Gemini's ``generateContent`` and Amazon Bedrock.
Only ids are taken out of a body; nothing else of it is kept.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple, cast
from urllib.parse import unquote, urlsplit

from lineage_guard.domain.facts import Usage
from lineage_guard.domain.names import is_inside
from lineage_guard.observe.recorder import Answer

#: Bodies up to this size are parsed; of larger ones only both ends are looked at.
PARSED = 64 * 1024
#: How much of a stream is looked at to find out who answers.
PEEKED = 16 * 1024
_END = 4 * 1024

_CALL = re.compile(
    r"/(?:chat/completions|completions|responses|messages|embeddings|moderations|rerank|score|classify"
    r"|images/(?:generations|edits|variations)|audio/(?:speech|transcriptions|translations)"
    r"|api/(?:chat|generate|embed)|v[12]/(?:chat|generate|embed|summarize))/?$"
    r"|/models/[^/]+:(?:generateContent|streamGenerateContent|embedContent|batchEmbedContents|predict|rawPredict"
    r"|streamRawPredict)$"
    r"|/model/[^/]+/(?:converse|converse-stream|invoke|invoke-with-response-stream)$"
)
_IN_PATH = re.compile(r"/(?:models|model|deployments)/([^/:]+(?::\d+)?)")
_EMBEDS = re.compile(r"/(?:embeddings|embed)/?$|mbedContents?$")
_SCORES = re.compile(r"/(?:moderations|rerank|score|classify)/?$")
_MODEL = re.compile(rb'"(?:model|modelVersion|model_version)"\s*:\s*"((?:[^"\\]|\\.){1,200})"')
_ID = re.compile(rb'"(?:id|responseId|response_id)"\s*:\s*"((?:[^"\\]|\\.){1,200})"')


class Call(NamedTuple):
    """A request to what looks like a model's endpoint."""

    host: str
    path: str
    requested: str | None


def call_of(method: str, url: str, body: bytes | None) -> Call | None:
    """The model call that a request makes, or ``None`` for any other request.

    Args:
        method: HTTP method.
        url: absolute URL.
        body: request body, where it is at hand.

    Example:
        >>> call_of("POST", "https://api.openai.com/v1/responses", b'{"input": "", "model": "gpt-4o"}').requested
        'gpt-4o'
    """
    if method.upper() != "POST":
        return None
    parts = urlsplit(url)
    path = unquote(parts.path)
    if not _CALL.search(path) and not _CALL.search(parts.path):
        return None
    # What was asked for decides nothing, so a long prompt is not parsed for it.
    asked = fields_of(body, _END).model if body else None
    if asked is None and (named := _IN_PATH.search(parts.path)):
        asked = unquote(named.group(1))
    return Call((parts.hostname or "").lower(), path, asked)


class Fields(NamedTuple):
    """The ids in a body."""

    model: str | None = None
    id: str | None = None
    fingerprint: str | None = None


def fields_of(body: bytes, parsed: int = PARSED) -> Fields:
    """The ids in a JSON body; of one that is longer than ``parsed`` bytes, those that stand at its ends."""
    if len(body) > parsed:
        return peek(body[:_END] + b"\n" + body[-_END:])
    try:
        data: object = json.loads(body)
    except ValueError:
        return Fields()
    return _of(data)


def _of(data: object) -> Fields:
    if isinstance(data, list) and data:
        data = cast("list[object]", data)[0]
    if not isinstance(data, dict):
        return Fields()
    found = cast("dict[str, object]", data)
    model = found.get("model") or found.get("modelVersion") or found.get("model_version")
    id_ = found.get("id") or found.get("responseId") or found.get("response_id")
    return Fields(_text(model), _text(id_), _text(found.get("system_fingerprint")))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def peek(head: bytes) -> Fields:
    """The first ids in the beginning of a stream (server-sent events or JSON lines)."""
    model, id_ = _MODEL.search(head), _ID.search(head)
    return Fields(_unquoted(model), _unquoted(id_))


def _unquoted(found: re.Match[bytes] | None) -> str | None:
    if found is None:
        return None
    try:
        return cast("str", json.loads(b'"' + found.group(1) + b'"'))
    except ValueError:
        return found.group(1).decode("utf-8", "replace")


def answer_of(call: Call, said: Fields) -> Answer | None:
    """The answer to a call; ``None`` when neither side names a model, so that it was no model call.

    Args:
        call: the request.
        said: the ids in the response.
    """
    by_path = "/model/" in call.path and call.host.endswith(".amazonaws.com")
    model = call.requested if by_path else said.model
    if model is None and call.requested is None:
        return None
    usage = Usage.EMBEDDING if _EMBEDS.search(call.path) else Usage.SCORING if _SCORES.search(call.path) else None
    digest = said.fingerprint if (said.fingerprint or "").startswith("sha256:") and is_inside(call.host) else None
    return Answer(model, call.requested, call.host, id=said.id, digest=digest, usage=usage)
