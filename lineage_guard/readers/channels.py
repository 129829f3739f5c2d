"""Who a model was asked of, from what pipeline files say: a client class, a provider's name, an endpoint."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from lineage_guard.domain.declared.declaration import HUB
from lineage_guard.domain.names import is_inside


class Reached(NamedTuple):
    """A provider and a channel, as ``ModelSource`` names them."""

    provider: str
    channel: str | None


def host_of(url: str) -> str | None:
    """The host of an endpoint, without credentials, port or path.

    Example:
        >>> host_of("https://user:secret@api.openai.com/v1"), host_of("localhost:8000")
        ('api.openai.com', 'localhost')
    """
    try:
        return urlsplit(url if "://" in url else f"//{url}").hostname
    except ValueError:
        return None


def reached(provider: str, own_host: str | None, url: str | None, model: str) -> Reached:
    """Who answered.

    Args:
        provider: whose client it is.
        own_host: where that provider answers; ``None`` when that is not one host.
        url: the endpoint the file names, if it does.
        model: id of the model.

    Example:
        >>> reached("openai", "api.openai.com", "http://localhost:8000/v1", "Qwen/Qwen2.5-7B-Instruct")
        Reached(provider='huggingface', channel='localhost')
    """
    host = host_of(url) if url else own_host
    if host is None or (own_host is not None and host == own_host):
        return Reached(provider, host)
    if is_inside(host):
        # An endpoint of one's own may be a proxy to anybody, so it is not called self-hosted here.
        return Reached(HUB if "/" in model else provider, host)
    return Reached(provider if own_host is None else host, host)
