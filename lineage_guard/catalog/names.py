"""The many spellings of one model id and of one channel, brought to one.

Sources of the spellings: OpenAI fine-tune ids, Bedrock model ids and inference profiles,
Vertex publisher paths, Fireworks account paths, LiteLLM and OpenRouter provider prefixes.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit

SELF_HOSTED = "self-hosted"
_SELF_HOSTED_WORDS = frozenset(
    {"self-hosted", "selfhosted", "self_hosted", "local", "localhost", "on-prem", "on-premise", "in-process"}
    | {
        "vllm",
        "hosted_vllm",
        "ollama",
        "llama.cpp",
        "llamacpp",
        "llama-cpp",
        "tgi",
        "sglang",
        "transformers",
        "lm-studio",
    }
)
_SELF_HOSTED_PREFIXES = ("ollama/", "ollama_chat/", "vllm/", "hosted_vllm/", "llamafile/", "lm_studio/")
_HUBS = frozenset({"huggingface", "hf", "hugging-face", "hugging face", "huggingface_hub"})
_HUB_PREFIXES = (
    "https://huggingface.co/",
    "http://huggingface.co/",
    "huggingface.co/",
    "hf.co/",
    "hf://",
    "huggingface/",
)
_BEDROCK = re.compile(
    r"^(?:(?:us|eu|apac|us-gov|ca|sa|jp|au|me|af|global)\.)?"
    r"((?:anthropic|meta|mistral|cohere|ai21|deepseek|openai|amazon|qwen|google|nvidia|stability|writer|luma|twelvelabs"
    r"|moonshot|moonshotai|minimax|zai|tii)\.)(.+)$"
)
_VERTEX = re.compile(r"(?:^|/)publishers/([^/]+)/models/(.+)$")
_ARN = re.compile(r"^arn:aws[a-z-]*:bedrock:.*?/(.+)$")
_LOOPBACK = re.compile(r"^(127\.\d+\.\d+\.\d+|0\.0\.0\.0|::1)$")
_VARIANT = re.compile(r":(free|beta|nitro|floor|online|extended|thinking|exacto)$")


class ModelName(NamedTuple):
    """A model id taken apart.

    Attributes:
        ids: spellings to try, the most telling first, lower case.
        routes: prefixes in the id that name a service, e.g. ``("openrouter/",)``.
        self_hosted: whether a prefix says that the weights were run by their user.
        tuned: whether it is a fine-tune made inside the owner's service.
    """

    ids: tuple[str, ...]
    routes: tuple[str, ...] = ()
    self_hosted: bool = False
    tuned: bool = False


def model_name(text: str, route_prefixes: tuple[str, ...]) -> ModelName:
    """Take a model id apart.

    Args:
        text: the id as declared or observed.
        route_prefixes: prefixes that the catalog knows as services, longest first.

    Example:
        >>> model_name("openrouter/anthropic/claude-3-opus", ("openrouter/",))
        ModelName(ids=('anthropic/claude-3-opus',), routes=('openrouter/',), self_hosted=False, tuned=False)
    """
    at = text.strip().lower()
    routes: list[str] = []
    local = tuned = False
    ids: list[str] = []
    for _ in range(8):
        before = at
        for prefix in _HUB_PREFIXES:
            at = at.removeprefix(prefix)
        if arn := _ARN.match(at):
            at, routes = arn.group(1), [*routes, "bedrock/"]
        if vertex := _VERTEX.search(at):
            publisher = "" if vertex.group(1) == "google" else f"{vertex.group(1)}/"
            at, routes = publisher + vertex.group(2), [*routes, "vertex_ai/"]
        for prefix in route_prefixes:
            if at.startswith(prefix) and len(at) > len(prefix):
                at, routes = at[len(prefix) :], [*routes, prefix]
                break
        for prefix in _SELF_HOSTED_PREFIXES:
            if at.startswith(prefix):
                at, local = at.removeprefix(prefix), True
        at = _VARIANT.sub("", at.removeprefix("models/"))
        if at.startswith("ft:"):
            at, tuned = at.split(":")[1], True
        if bedrock := _BEDROCK.match(at):
            routes = [*routes, "bedrock/"]
            ids += [at, f"{bedrock.group(1)}{bedrock.group(2)}"]
            at = bedrock.group(2)
            break
        if at == before:
            break
    ids.append(at)
    return ModelName(tuple(dict.fromkeys(i for i in ids if i)), tuple(dict.fromkeys(routes)), local, tuned)


def channel_name(text: str | None) -> str | None:
    """A channel as a lower-case host or route name; hosts on this machine are ``self-hosted``.

    Example:
        >>> channel_name("https://API.openai.com/v1"), channel_name("http://127.0.0.1:8000/v1")
        ('api.openai.com', 'self-hosted')
    """
    if text is None or not text.strip():
        return None
    at = text.strip().lower()
    if at in _SELF_HOSTED_WORDS:
        return SELF_HOSTED
    host = at
    if "://" in at or "/" in at or ":" in at:
        try:
            host = urlsplit(at if "://" in at else "//" + at).hostname or at
        except ValueError:
            return at
    host = host.rstrip(".")
    if host == "localhost" or host.endswith(".localhost") or _LOOPBACK.match(host):
        return SELF_HOSTED
    return host


def is_hub(provider: str) -> bool:
    """Whether a provider is a place where weights are downloaded rather than a service."""
    return provider.strip().lower() in _HUBS


def is_self_hosting(provider: str) -> bool:
    """Whether a provider says that the user ran the weights."""
    return channel_name(provider) == SELF_HOSTED
