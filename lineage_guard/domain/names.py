"""The many spellings of one model id and of one channel, brought to one.

Sources of the spellings: OpenAI fine-tune ids, Bedrock model ids and inference profiles,
Vertex publisher paths, Fireworks account paths, LiteLLM and OpenRouter provider prefixes.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
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
_SNAPSHOT = re.compile(r"[-@:](20\d\d-\d\d-\d\d|20\d{6}|\d{4}|\d{3}|latest)$")
_BEDROCK_VERSION = re.compile(r"(-v\d+)?:\d+$")
_INSIDE = (".local", ".internal", ".svc", ".lan", ".intranet", ".home.arpa")
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
    # What ends with a slash has no organisation before its name for that.
    at = text.strip().rstrip("/ ").lower()
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


def is_inside(host: str) -> bool:
    """Whether a host is this machine or one that only a private network reaches.

    A private address does not say who answers behind it (it may be a gateway to anybody), but it
    does not contradict an author who says that the model was self-hosted.

    Example:
        >>> is_inside("127.0.0.1"), is_inside("vllm.models.svc"), is_inside("10.1.2.3"), is_inside("api.openai.com")
        (True, True, True, False)
    """
    name = channel_name(host)
    if name is None or name == SELF_HOSTED:
        return True
    try:
        return ipaddress.ip_address(name).is_private
    except ValueError:
        return "." not in name or name.endswith(_INSIDE)


def same_model(one: str, other: str) -> bool:
    """Whether two ids may be spellings of one model; an alias and its dated snapshot are.

    Two different snapshots are two models. An id with an organisation and one without are the same when
    the rest is: who owns it is asked of the terms, not here.

    Example:
        >>> same_model("gpt-4o", "openai/gpt-4o-2024-08-06"), same_model("gpt-4o", "gpt-4o-mini")
        (True, False)
        >>> same_model("gpt-4o-2024-05-13", "gpt-4o-2024-08-06")
        False
    """
    return any(_same(a, b) for a in _spellings(one) for b in _spellings(other))


@lru_cache(maxsize=4096)
def spellings_of(text: str) -> tuple[str, ...]:
    """The ids under which others may name a model: without who routes it, who owns it, or the day of a snapshot.

    Args:
        text: the id as declared or observed.

    Example:
        >>> spellings_of("openai/gpt-4o-2024-08-06")
        ('openai/gpt-4o-2024-08-06', 'openai/gpt-4o', 'gpt-4o-2024-08-06', 'gpt-4o')
    """
    found: list[str] = []
    for id in (text.strip().lower(), *_spellings(text)):
        parts = id.strip("/").split("/")
        for at in range(len(parts)):
            rest = "/".join(parts[at:])
            found += [rest, _SNAPSHOT.sub("", rest)]
    return tuple(dict.fromkeys(f for f in found if f))


def without_snapshot(text: str) -> str:
    """An id without the day or number of its snapshot, lower case; the id itself where it names none.

    Args:
        text: the id as declared or observed.

    Example:
        >>> without_snapshot("openai/gpt-4o-2024-08-06"), without_snapshot("gpt-4o-mini")
        ('openai/gpt-4o', 'gpt-4o-mini')
    """
    return _SNAPSHOT.sub("", text.strip().lower())


def _spellings(text: str) -> tuple[str, ...]:
    return tuple(_BEDROCK_VERSION.sub("", id) for id in model_name(text, ()).ids)


def _same(one: str, other: str) -> bool:
    a, b = one.strip("/").split("/"), other.strip("/").split("/")
    short = min(len(a), len(b))
    if a[-short:-1] != b[-short:-1]:
        return False
    return a[-1] == b[-1] or _snapshot_of(a[-1], b[-1])


def _snapshot_of(one: str, other: str) -> bool:
    """Whether one is the other with a date or a number behind it."""
    found = _SNAPSHOT.search(one), _SNAPSHOT.search(other)
    if found[0] and found[1] and "latest" not in (found[0].group(1), found[1].group(1)):
        return False
    return _SNAPSHOT.sub("", one) == _SNAPSHOT.sub("", other)
