"""OpenTelemetry GenAI spans: the real openai SDK under its public instrumentation, and spans of any other."""

import pytest
from model_api import SECRET_ANSWER, SECRET_KEY, SECRET_PROMPT
from opentelemetry.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Status, StatusCode

from lineage_guard.domain.declared.observation import Via
from lineage_guard.domain.facts import Usage
from lineage_guard.observe import Recorder, recording


def test_the_openai_sdk_under_its_instrumentation(api, recorder):
    import openai

    provider = TracerProvider()  # witnessed by itself, because somebody observes in this process
    instrumentor = OpenAIInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    try:
        with openai.OpenAI(base_url=f"{api.url}/v1", api_key=SECRET_KEY) as client:
            ask = {"model": "gpt-4o", "messages": [{"role": "user", "content": SECRET_PROMPT}]}
            client.chat.completions.create(**ask)
            for _ in client.chat.completions.create(**ask, stream=True):
                pass
    finally:
        instrumentor.uninstrument()
    [seen] = recorder.observation().models
    assert (seen.model, seen.requested, seen.host) == ("gpt-4o-2024-08-06", "gpt-4o", "127.0.0.1")
    assert seen.via == (Via.HTTP, Via.SPAN)
    assert seen.calls == 2  # two witnesses, and not four calls
    assert seen.response_ids == ("chatcmpl-1",)
    kept = repr(recorder.observation())
    assert not [secret for secret in (SECRET_PROMPT, SECRET_ANSWER, SECRET_KEY) if secret in kept]


def span(attributes, status=None):
    provider = TracerProvider()
    with provider.get_tracer("t").start_as_current_span("chat", attributes=attributes) as made:
        if status is not None:
            made.set_status(status)


def test_the_conventions_of_today(recorder):
    span(
        {
            "gen_ai.operation.name": "embeddings",
            "gen_ai.provider.name": "mistral_ai",
            "gen_ai.request.model": "mistral-embed",
            "gen_ai.response.model": "mistral-embed-2312",
            "gen_ai.response.id": "r1",
            "server.address": "api.mistral.ai",
        }
    )
    [seen] = recorder.observation().models
    assert (seen.model, seen.requested, seen.host) == ("mistral-embed-2312", "mistral-embed", "api.mistral.ai")
    assert (seen.provider, seen.usage, seen.response_ids) == ("mistral_ai", Usage.EMBEDDING, ("r1",))
    assert seen.via == (Via.SPAN,)


@pytest.mark.parametrize(
    ("attributes", "model", "provider", "channel"),
    [
        ({"gen_ai.system": "openai", "gen_ai.response.model": "gpt-4o"}, "gpt-4o", "openai", None),
        ({"llm.model_name": "claude-3-opus", "llm.provider": "anthropic"}, "claude-3-opus", "anthropic", None),
        (
            {"gen_ai.request.model": "gpt-4o", "url.full": "https://api.openai.com/v1/chat/completions"},
            "gpt-4o",
            "api.openai.com",
            "api.openai.com",
        ),
    ],
)
def test_older_and_other_conventions(recorder, attributes, model, provider, channel):
    span(attributes)
    [seen] = recorder.observation().models
    assert (seen.model, seen.provider, seen.channel) == (model, provider, channel)


def test_spans_about_something_else_and_failed_ones_say_nothing(recorder):
    span({"http.url": "https://api.openai.com/v1"})
    span({"gen_ai.response.model": "gpt-4o"}, Status(StatusCode.ERROR))
    assert not recorder.observation().models


def test_a_provider_that_was_there_before_is_witnessed_too(tmp_path):
    """In a process of its own: OpenTelemetry lets nobody set the global provider twice."""
    import subprocess
    import sys

    program = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
trace.set_tracer_provider(TracerProvider())
from lineage_guard.observe import Recorder, install, recording
install()
with recording(Recorder()) as recorder:
    trace.get_tracer("t").start_span("chat", attributes={"gen_ai.response.model": "gpt-4o"}).end()
print([m.model for m in recorder.observation().models])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=240, check=True)
    assert done.stdout.strip() == "['gpt-4o']"


def test_a_span_ends_unrecorded_where_nobody_records():
    recorder = Recorder()
    span({"gen_ai.response.model": "gpt-4o"})
    with recording(recorder):
        pass
    assert not recorder.observation()
