from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest
from starlette.testclient import TestClient

from dagster_project.language_model import Size, train
from dagster_project.model_server.app import build_app
from dagster_project.model_server.fable_model import fables
from dagster_project.resources.chat_model import ChatModel, start_model_server
from dagster_project.settings import FABLE_MODEL, open_endpoint


@pytest.fixture(scope="module")
def client() -> TestClient:
    model = train(fables()[:6], Size(context=2, embedding=8, hidden=16, epochs=2))
    return TestClient(build_app(model, frozenset({"gpt-4o"})))


def ask(client: TestClient, **changes: object) -> httpx.Response:
    body = {"model": FABLE_MODEL, "messages": [{"role": "user", "content": "A Wolf"}], "max_tokens": 5}
    return client.post("/v1/chat/completions", json={**body, **changes})


def test_the_answer_has_the_shape_of_the_api(client: TestClient) -> None:
    body = ask(client).json()
    [choice] = body["choices"]
    assert body["object"] == "chat.completion"
    assert choice["message"]["role"] == "assistant"
    assert choice["finish_reason"] in ("stop", "length")
    usage = body["usage"]
    assert usage["prompt_tokens"] == 2
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_a_stand_in_says_who_really_answered(client: TestClient) -> None:
    assert ask(client, model="gpt-4o").json()["model"] == FABLE_MODEL


def test_models_are_listed_with_their_licence(client: TestClient) -> None:
    [card] = client.get("/v1/models").json()["data"]
    assert (card["id"], card["license"]) == (FABLE_MODEL, "Apache-2.0")


@pytest.mark.parametrize(
    ("changes", "status", "says"),
    [
        ({"model": "claude-3"}, 404, "no model 'claude-3'"),
        ({"stream": True}, 400, "stream"),
        ({"messages": []}, 400, "messages"),
        ({"messages": [{"role": "system", "content": "x"}]}, 400, "user"),
        ({"messages": [{"role": "user"}]}, 400, "content"),
        ({"messages": ["hello"]}, 400, "object"),
        ({"max_tokens": 0}, 400, "max_tokens"),
        ({"max_tokens": True}, 400, "max_tokens"),
        ({"temperature": 9}, 400, "temperature"),
        ({"seed": -1}, 400, "seed"),
    ],
)
def test_a_wrong_request_is_told_what_is_wrong(
    client: TestClient, changes: dict[str, object], status: int, says: str
) -> None:
    answer = ask(client, **changes)
    assert answer.status_code == status
    assert says in answer.json()["error"]["message"]


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff"])
def test_a_body_that_is_no_json_object_is_a_400(client: TestClient, body: bytes) -> None:
    assert client.post("/v1/chat/completions", content=body).status_code == 400


def test_the_real_client_talks_to_the_real_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DEMO_HOME", str(tmp_path))
    with start_model_server() as url:
        monkeypatch.setenv("LOCAL_MODEL_URL", url)
        with ChatModel.at(open_endpoint({})).open() as model:
            answer = model.answer("A Fox", seed=1)
            assert model.answer("A Fox", seed=1).text == answer.text
        assert answer.answered_by == FABLE_MODEL
        assert answer.text
        assert answer.completion_tokens > 0
        with openai.OpenAI(base_url=url, api_key="none") as raw, pytest.raises(openai.NotFoundError):
            raw.chat.completions.create(model="gpt-9", messages=[{"role": "user", "content": "A Fox"}])
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/models")


@pytest.fixture
def own_endpoint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ChatModel]:
    """A provider of the user's own, configured by the environment alone."""
    monkeypatch.setenv("DEMO_HOME", str(tmp_path))
    with start_model_server() as url:
        yield ChatModel.at(open_endpoint({"MODEL_BASE_URL": url, "MODEL_API_KEY": "secret", "MODEL_NAME": "gpt-4o"}))


def test_the_same_code_reaches_a_configured_provider(own_endpoint: ChatModel) -> None:
    with own_endpoint.open() as model:
        assert model.answer("A Crow", seed=4).text
    assert own_endpoint.model == "gpt-4o"
