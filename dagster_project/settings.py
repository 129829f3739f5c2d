"""Where the deployment keeps its files and which models it talks to, from the environment.

| variable | meaning | default |
|---|---|---|
| ``DEMO_HOME`` | folder for tables, models and job files | ``.demo`` beside this package |
| ``MODEL_BASE_URL`` | OpenAI-compatible endpoint that writes ``synthetic/stories`` | the fable model on this machine |
| ``MODEL_API_KEY`` | its key | none |
| ``MODEL_NAME`` | its model id | ``lineage-guard/fable-lm`` |
| ``MODEL_PROVIDER`` | who offers it, as the catalog knows them | from the endpoint's host |
| ``COMMERCIAL_MODEL_API_KEY`` | key for GPT-4o, which writes ``synthetic/assistant_stories`` | a stand-in answers |
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
HOME = Path(os.environ.get("DEMO_HOME") or ROOT / ".demo")
DATA = HOME / "data"
CACHE = HOME / "cache"

FABLE_MODEL = "lineage-guard/fable-lm"
COMMERCIAL_MODEL = "gpt-4o"
SELF_HOSTED = "self-hosted"

_PROVIDERS = {
    "api.openai.com": "openai",
    "api.anthropic.com": "anthropic",
    "api.mistral.ai": "mistral",
    "api.deepseek.com": "deepseek",
    "generativelanguage.googleapis.com": "google",
    "openrouter.ai": "openrouter",
}


@dataclass(frozen=True)
class Endpoint:
    """A model as the deployment reaches it; what is declared follows from it.

    Attributes:
        provider: who offers the model.
        model: id sent in requests.
        channel: what the terms depend on: the API's host, or ``self-hosted``.
        base_url: where requests go; ``None`` means the model server on this machine.
        api_key: key, when the endpoint wants one.
    """

    provider: str
    model: str
    channel: str
    base_url: str | None = None
    api_key: str | None = None


def open_endpoint(env: Mapping[str, str]) -> Endpoint:
    """The model behind ``synthetic/stories``.

    Example:
        >>> open_endpoint({}).channel
        'self-hosted'
        >>> open_endpoint({"MODEL_BASE_URL": "https://api.openai.com/v1", "MODEL_NAME": "gpt-4o"}).provider
        'openai'
    """
    url = env.get("MODEL_BASE_URL")
    if not url:
        return Endpoint("lineage-guard", FABLE_MODEL, SELF_HOSTED)
    host = urlsplit(url).hostname or url
    local = host in ("localhost", "127.0.0.1", "::1")
    return Endpoint(
        provider=env.get("MODEL_PROVIDER") or _PROVIDERS.get(host, SELF_HOSTED if local else host),
        model=env.get("MODEL_NAME") or FABLE_MODEL,
        channel=SELF_HOSTED if local else host,
        base_url=url,
        api_key=env.get("MODEL_API_KEY"),
    )


def commercial_endpoint(env: Mapping[str, str]) -> Endpoint:
    """The model behind ``synthetic/assistant_stories``: GPT-4o, or its stand-in where there is no key."""
    key = env.get("COMMERCIAL_MODEL_API_KEY")
    url = "https://api.openai.com/v1" if key else None
    return Endpoint("openai", COMMERCIAL_MODEL, "api.openai.com", url, key)
