"""The HTTP side: the part of OpenAI's chat completions API that the demo uses.

Reference: https://platform.openai.com/docs/api-reference/chat. The model continues the last
user message; it has no notion of instructions, so other messages are counted and not read.
A request may name another model that this server *stands in* for; the answer then still says
which model really wrote it, and ``system_fingerprint`` holds the digest of its weights.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from typing import Any, cast

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from dagster_project.language_model import LanguageModel
from dagster_project.model_server.fable_model import LICENSE, MODEL_ID

MAX_TOKENS = 400


class BadRequest(Exception):
    """The request cannot be served as asked.

    Attributes:
        status: HTTP status.
        code: machine-readable reason, as OpenAI's API has it.
    """

    def __init__(self, message: str, *, status: int = 400, code: str = "invalid_request_error") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def build_app(model: LanguageModel, stands_in_for: frozenset[str] = frozenset()) -> Starlette:
    """Build the server.

    Args:
        model: what answers.
        stands_in_for: further model ids that are accepted in requests.
    """
    started = int(time.time())
    digest = model.digest

    async def models(_: Request) -> JSONResponse:
        card = {"id": MODEL_ID, "object": "model", "created": started, "owned_by": "lineage-guard", "license": LICENSE}
        return JSONResponse({"object": "list", "data": [card]})

    async def chat(request: Request) -> JSONResponse:
        try:
            body = json.loads(await request.body())
            return JSONResponse(_answer(model, body, stands_in_for) | {"system_fingerprint": digest})
        except ValueError as e:  # no JSON, or no text at all
            return _error(BadRequest(f"the body is not JSON: {e}"))
        except BadRequest as e:
            return _error(e)

    return Starlette(
        routes=[Route("/v1/models", models), Route("/v1/chat/completions", chat, methods=["POST"])],
    )


def _answer(model: LanguageModel, body: object, stands_in_for: frozenset[str]) -> dict[str, object]:
    if not isinstance(body, dict):
        raise BadRequest("the body must be a JSON object")
    request = cast("dict[str, Any]", body)
    asked = request.get("model")
    if asked != MODEL_ID and asked not in stands_in_for:
        raise BadRequest(f"no model {asked!r} here; this server runs {MODEL_ID!r}", status=404, code="model_not_found")
    if request.get("stream"):
        raise BadRequest("streaming is not served here; leave 'stream' out")
    messages = request.get("messages")
    if not isinstance(messages, list) or not messages:
        raise BadRequest("'messages' must be a list that is not empty")
    said = [_said(m) for m in cast("list[object]", messages)]
    prompts = [text for role, text in said if role == "user"]
    if not prompts:
        raise BadRequest("'messages' holds no message of role 'user' to continue")
    limit = _number(request, ("max_completion_tokens", "max_tokens"), 60, 1, MAX_TOKENS)
    temperature = _number(request, ("temperature",), 0.7, 0, 2)
    seed = _number(request, ("seed",), 0, 0, 2**63 - 1)
    done = model.complete(prompts[-1], max_tokens=int(limit), temperature=temperature, seed=int(seed))
    read = sum(len(text.split()) for _, text in said[:-1]) + done.prompt_tokens
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": MODEL_ID,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": done.text},
                "finish_reason": done.finish_reason,
                "logprobs": None,
            }
        ],
        "usage": {
            "prompt_tokens": read,
            "completion_tokens": done.completion_tokens,
            "total_tokens": read + done.completion_tokens,
        },
    }


def _said(message: object) -> tuple[str, str]:
    if not isinstance(message, dict):
        raise BadRequest("each message must be an object with 'role' and 'content'")
    m = cast("Mapping[str, object]", message)
    role, content = m.get("role"), m.get("content")
    if not isinstance(role, str) or not isinstance(content, str):
        raise BadRequest("each message needs a 'role' and a 'content', both texts")
    return role, content


def _number(request: Mapping[str, Any], names: tuple[str, ...], default: float, low: float, high: float) -> float:
    for name in names:
        value = request.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise BadRequest(f"{name!r} must be a number from {low} to {high}")
        return value
    return default


def _error(e: BadRequest) -> JSONResponse:
    return JSONResponse(
        {"error": {"message": str(e), "type": "invalid_request_error", "param": None, "code": e.code}},
        status_code=e.status,
    )
