"""OpenTelemetry GenAI spans: any instrumentation that follows the semantic conventions is a witness.

Read are ``gen_ai.response.model``, ``gen_ai.request.model``, ``gen_ai.response.id``, ``gen_ai.provider.name`` (before
version 1.37 ``gen_ai.system``) and ``server.address``; and ``llm.model_name`` of OpenInference. Prompts and
responses, which some instrumentations put into spans as well, are not touched.
Conventions: https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/. Needs the extra ``otel``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from lineage_guard.domain.declared.observation import Via
from lineage_guard.domain.facts import Usage
from lineage_guard.observe.recorder import Answer, note, recorders

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Span

_USAGES = {"embeddings": Usage.EMBEDDING, "embedding": Usage.EMBEDDING, "rerank": Usage.SCORING}


class GenAISpanProcessor(SpanProcessor):
    """Records the model of every GenAI span that ends while somebody records.

    Providers that are made while ``guard()`` observes get one by themselves; add it to others:

    Example:
        >>> from opentelemetry.sdk.trace import TracerProvider
        >>> provider = TracerProvider()
        >>> provider.add_span_processor(GenAISpanProcessor())
    """

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing is known yet."""

    def on_end(self, span: ReadableSpan) -> None:
        """Record the answer that the span tells of, if it tells of one."""
        if not recorders():
            return
        answer = answer_in(span.attributes or {})
        if answer is not None and span.status.is_ok:
            note(answer, Via.SPAN)

    def shutdown(self) -> None:
        """Nothing is held."""

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Nothing waits."""
        return True


def answer_in(attributes: Mapping[str, Any]) -> Answer | None:
    """The answer that a span's attributes tell of; ``None`` for a span that is about something else.

    Args:
        attributes: of the span.

    Example:
        >>> answer_in({"gen_ai.response.model": "gpt-4o-2024-08-06", "gen_ai.provider.name": "openai"}).model
        'gpt-4o-2024-08-06'
    """
    model = _text(attributes, "gen_ai.response.model", "llm.response.model", "llm.model_name", "embedding.model_name")
    requested = _text(attributes, "gen_ai.request.model", "llm.request.model")
    if model is None and requested is None:
        return None
    operation = _text(attributes, "gen_ai.operation.name", "openinference.span.kind")
    return Answer(
        model=model,
        requested=requested,
        host=_host(attributes),
        provider=_text(attributes, "gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system"),
        id=_text(attributes, "gen_ai.response.id"),
        usage=_USAGES.get((operation or "").lower()),
    )


def _host(attributes: Mapping[str, Any]) -> str | None:
    address = _text(
        attributes, "server.address", "gen_ai.openai.api_base", "llm.openai.api_base", "url.full", "http.url"
    )
    if address is None or "/" not in address:
        return address
    return urlsplit(address if "://" in address else "//" + address).hostname


def _text(attributes: Mapping[str, Any], *names: str) -> str | None:
    for name in names:
        value = attributes.get(name)
        if isinstance(value, str) and value:
            return value
    return None
