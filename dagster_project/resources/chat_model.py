"""An OpenAI-compatible chat model: a real provider, or the model server on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from dagster_project.settings import COMMERCIAL_MODEL, Endpoint


@dataclass(frozen=True)
class Answer:
    """One answer, with what is needed to tell later where it came from.

    Attributes:
        text: what the model wrote.
        answered_by: the model the endpoint says has answered.
        answered_at: when (UTC).
        prompt_tokens: tokens billed for reading.
        completion_tokens: tokens billed for writing.
    """

    text: str
    answered_by: str
    answered_at: datetime
    prompt_tokens: int
    completion_tokens: int


class ChatModel(dg.ConfigurableResource[Any]):
    """A chat model behind an OpenAI-compatible endpoint.

    Without a ``base_url`` the model server of this project answers: the one at
    ``LOCAL_MODEL_URL``, or one of its own that lives as long as the step.
    """

    model: str
    channel: str
    base_url: str | None = None
    api_key: str | None = None

    @classmethod
    def at(cls, endpoint: Endpoint) -> ChatModel:
        """The resource for an endpoint from the settings."""
        return cls(model=endpoint.model, channel=endpoint.channel, base_url=endpoint.base_url, api_key=endpoint.api_key)

    @contextmanager
    def open(self) -> Generator[OpenModel]:
        """Connect for the length of a step."""
        from openai import OpenAI

        server = _local_server() if self.base_url is None else nullcontext(self.base_url)
        with (
            server as url,
            OpenAI(base_url=url, api_key=self.api_key or "none", max_retries=4, timeout=60) as client,
        ):
            yield OpenModel(client, self.model, url)


class OpenModel:
    """A connected chat model.

    Attributes:
        url: the endpoint that answers.
    """

    def __init__(self, client: Any, model: str, url: str) -> None:
        self._client = client
        self._model = model
        self.url = url

    def answer(self, prompt: str, *, seed: int) -> Answer:
        """Have the model go on from the opening of a fable."""
        reply = self._client.chat.completions.create(
            model=self._model,
            messages=[
                {"role": "system", "content": "Continue this fable from its first words, in one short paragraph."},
                {"role": "user", "content": prompt},
            ],
            max_tokens=70,
            temperature=0.8,
            seed=seed,
        )
        return Answer(
            text=reply.choices[0].message.content or "",
            answered_by=reply.model,
            answered_at=datetime.now(UTC),
            prompt_tokens=reply.usage.prompt_tokens if reply.usage else 0,
            completion_tokens=reply.usage.completion_tokens if reply.usage else 0,
        )


@contextmanager
def _local_server() -> Generator[str]:
    shared = os.environ.get("LOCAL_MODEL_URL")
    if shared:
        yield shared
        return
    with start_model_server() as url:
        yield url


@contextmanager
def start_model_server() -> Generator[str]:
    """Run the model server on a free port of this machine; yields its base URL."""
    command = [sys.executable, "-m", "dagster_project.model_server", "--stand-in-for", COMMERCIAL_MODEL]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            url = server.stdout.readline().strip() if server.stdout else ""
            if not url:
                raise RuntimeError(f"the model server did not start; try it: {' '.join(command)}")
            yield url
        finally:
            server.terminate()
