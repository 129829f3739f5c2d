"""Responses that the author hands over, for clients that nobody hooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from lineage_guard.domain.declared.observation import Via
from lineage_guard.observe.recorder import Answer, note

_MODEL = ("model", "model_version", "modelVersion", "modelId")
_ID = ("id", "response_id", "responseId")


def response(
    answered: object, *, model: str | None = None, host: str | None = None, provider: str | None = None
) -> None:
    """Record which model gave a response, inside an asset; elsewhere it does nothing.

    OpenAI-, Anthropic-, Gemini- and Bedrock-shaped responses are understood, as objects of their SDKs or
    as the mappings they are made from. Only ids are read.

    Args:
        answered: the response.
        model: id that was asked for; needed for Bedrock, whose responses name no model.
        host: host of the endpoint, e.g. ``"api.openai.com"``.
        provider: who answered, where no host says so.

    Example:
        >>> response({"id": "chatcmpl-1", "model": "gpt-4o-2024-08-06", "choices": []}, host="api.openai.com")
    """
    said = _first(answered, _MODEL)
    id_ = _first(answered, _ID)
    if id_ is None and isinstance(answered, Mapping):
        about: Any = cast("Mapping[str, Any]", answered).get("ResponseMetadata")
        id_ = _first(about, ("RequestId",)) if about else None
    note(Answer(said or model, model, host, provider, id_), Via.RESPONSE)


def _first(value: object, names: tuple[str, ...]) -> str | None:
    for name in names:
        if isinstance(value, Mapping):
            found: object = cast("Mapping[str, object]", value).get(name)
        else:
            found = getattr(value, name, None)
        if isinstance(found, str) and found:
            return found
    return None
