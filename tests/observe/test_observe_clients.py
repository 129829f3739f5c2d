"""The real SDKs against a local server: who answered is recorded, and nothing else."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from model_api import SECRET_ANSWER, SECRET_KEY, SECRET_PROMPT

from lineage_guard.domain.declared.observation import Via
from lineage_guard.domain.facts import Usage
from lineage_guard.observe import Recorder, recording, response

ASK = [{"role": "user", "content": SECRET_PROMPT}]


def openai_client(api, kind="OpenAI"):
    import openai

    return getattr(openai, kind)(base_url=f"{api.url}/v1", api_key=SECRET_KEY, max_retries=0)


def the_model(recorder):
    [model] = recorder.observation().models
    return model


def test_openai(api, recorder):
    openai_client(api).chat.completions.create(model="gpt-4o", messages=ASK)
    seen = the_model(recorder)
    assert (seen.model, seen.requested, seen.host) == ("gpt-4o-2024-08-06", "gpt-4o", "127.0.0.1")
    assert (seen.calls, seen.response_ids, seen.via) == (1, ("chatcmpl-1",), (Via.HTTP,))


def test_openai_streams_and_async(api, recorder):
    assert list(openai_client(api).chat.completions.create(model="gpt-4o", messages=ASK, stream=True))

    async def ask():
        client = openai_client(api, "AsyncOpenAI")
        await client.chat.completions.create(model="gpt-4o", messages=ASK)
        stream = await client.chat.completions.create(model="gpt-4o", messages=ASK, stream=True)
        assert [chunk async for chunk in stream]

    asyncio.run(ask())
    assert the_model(recorder).calls == 3


def test_a_stream_that_nobody_reads_leaves_the_contact(api):
    with recording(Recorder(lambda host: "somebody")) as recorder:
        openai_client(api).chat.completions.create(model="gpt-4o", messages=ASK, stream=True).close()
    seen = recorder.observation()
    assert not seen.models
    assert [(c.host, c.provider) for c in seen.contacts] == [("127.0.0.1", "somebody")]


def test_threads_of_a_pool_belong_to_the_step_they_run_in(api, recorder):
    client = openai_client(api)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: client.chat.completions.create(model="gpt-4o", messages=ASK), range(12)))
    assert the_model(recorder).calls == 12


def test_tasks_belong_to_the_recorder_that_started_them(api):
    async def ask(answers_as):
        with recording(Recorder()) as recorder:
            client = openai_client(api, "AsyncOpenAI")
            calls = [client.chat.completions.create(model=answers_as, messages=ASK) for _ in range(3)]
            await asyncio.gather(*calls)
            return the_model(recorder)

    async def both():
        return await asyncio.gather(ask("first"), ask("second"))

    first, second = asyncio.run(both())
    assert (first.requested, first.calls, second.requested, second.calls) == ("first", 3, "second", 3)


def test_embeddings_are_told_from_content(api, recorder):
    api.answers_as = "text-embedding-3-small"
    openai_client(api).embeddings.create(model="text-embedding-3-small", input=SECRET_PROMPT)
    assert the_model(recorder).usage is Usage.EMBEDDING


def test_anthropic(api, recorder):
    import anthropic

    api.answers_as = "claude-3-5-sonnet-20241022"
    client = anthropic.Anthropic(base_url=api.url, api_key=SECRET_KEY)
    client.messages.create(model="claude-3-5-sonnet-latest", max_tokens=5, messages=ASK)
    with client.messages.stream(model="claude-3-5-sonnet-latest", max_tokens=5, messages=ASK) as stream:
        list(stream)
    seen = the_model(recorder)
    assert (seen.model, seen.requested, seen.calls) == ("claude-3-5-sonnet-20241022", "claude-3-5-sonnet-latest", 2)
    assert seen.response_ids == ("msg_1",)


def test_gemini(api, recorder):
    from google import genai
    from google.genai.types import HttpOptions

    api.answers_as = "gemini-1.5-pro-002"
    client = genai.Client(api_key=SECRET_KEY, http_options=HttpOptions(base_url=api.url))
    client.models.generate_content(model="gemini-1.5-pro", contents=SECRET_PROMPT)
    assert list(client.models.generate_content_stream(model="gemini-1.5-pro", contents=SECRET_PROMPT))
    seen = the_model(recorder)
    assert (seen.model, seen.requested, seen.calls) == ("gemini-1.5-pro-002", "gemini-1.5-pro", 2)
    assert seen.response_ids == ("gem-1",)


def test_bedrock(api, recorder):
    import boto3

    client = boto3.client(
        "bedrock-runtime",
        region_name="eu-west-1",
        endpoint_url=api.url,
        aws_access_key_id=SECRET_KEY,
        aws_secret_access_key=SECRET_KEY,
    )
    model = "anthropic.claude-3-5-sonnet-20240620-v1:0"
    client.converse(modelId=model, messages=[{"role": "user", "content": [{"text": SECRET_PROMPT}]}])
    seen = the_model(recorder)
    assert (seen.model, seen.calls, seen.response_ids) == (model, 1, ("amzn-1",))


def test_plain_clients(api, recorder):
    import aiohttp
    import httpx
    import requests

    url, body = f"{api.url}/v1/chat/completions", {"messages": ASK, "model": "gpt-4o"}
    assert requests.post(url, json=body, timeout=30).json()
    streamed = requests.post(url, json={**body, "stream": True}, stream=True, timeout=30)
    assert list(streamed.iter_lines())
    assert httpx.post(url, json=body).json()

    async def ask():
        async with aiohttp.ClientSession() as session, session.post(url, json=body) as answered:
            assert await answered.json()
            assert await answered.read()

    asyncio.run(ask())
    assert {m.model: m.calls for m in recorder.observation().models if m.requested} == {"gpt-4o-2024-08-06": 3}
    # aiohttp's responses do not say what was asked for.
    assert [m.calls for m in recorder.observation().models if not m.requested] == [1]


def test_what_is_no_model_call_and_what_failed_is_not_an_answer(api, recorder):
    import httpx

    httpx.post(f"{api.url}/v1/files", json={"model": "gpt-4o"})
    httpx.post(f"{api.url}/Messages", json={"to": "somebody"})
    api.status = 500
    httpx.post(f"{api.url}/v1/chat/completions", json={"model": "gpt-4o"})
    assert not recorder.observation().models


def test_a_server_of_ones_own_may_state_the_digest_of_its_weights(api, recorder):
    api.fingerprint = "sha256:abc"
    openai_client(api).chat.completions.create(model="fable-lm", messages=ASK)
    assert the_model(recorder).digest == "sha256:abc"


def test_large_bodies_are_read_at_their_ends(api, recorder):
    import httpx

    for filler in ({"a": SECRET_PROMPT * 9000}, {}):
        body = {**filler, "model": "gpt-4o", "messages": [SECRET_PROMPT * 9000]}
        httpx.post(f"{api.url}/v1/chat/completions", json=body)
    assert {m.requested for m in recorder.observation().models} <= {"gpt-4o", None}
    assert any(m.requested == "gpt-4o" for m in recorder.observation().models)


SHAPES = [
    ({"id": "1", "model": "gpt-4o"}, {}, "gpt-4o", ("1",)),
    ({"modelVersion": "gemini-1.5-pro-002", "responseId": "2"}, {}, "gemini-1.5-pro-002", ("2",)),
    ({"ResponseMetadata": {"RequestId": "3"}}, {"model": "amazon.nova-pro-v1:0"}, "amazon.nova-pro-v1:0", ("3",)),
]


@pytest.mark.parametrize(("answered", "more", "model", "ids"), SHAPES)
def test_responses_that_are_handed_over(recorder, answered, more, model, ids):
    response(answered, host="api.example.com", **more)
    seen = the_model(recorder)
    assert (seen.model, seen.response_ids, seen.host, seen.via) == (model, ids, "api.example.com", (Via.RESPONSE,))


def test_response_objects_that_are_handed_over(api, recorder):
    reply = openai_client(api).chat.completions.create(model="gpt-4o", messages=ASK)
    other = Recorder()
    with recording(other):
        response(reply)
    assert the_model(other).model == "gpt-4o-2024-08-06"


def test_nothing_is_recorded_where_nobody_records(api):
    recorder = Recorder()
    openai_client(api).chat.completions.create(model="gpt-4o", messages=ASK)
    response({"model": "gpt-4o"})
    assert not recorder.observation()


def test_no_prompt_no_response_and_no_key_is_kept(api, recorder):
    openai_client(api).chat.completions.create(model="gpt-4o", messages=ASK)
    list(openai_client(api).chat.completions.create(model="gpt-4o", messages=ASK, stream=True))
    kept = repr((recorder.observation(), vars(recorder)))
    assert not [secret for secret in (SECRET_PROMPT, SECRET_ANSWER, SECRET_KEY) if secret in kept]
