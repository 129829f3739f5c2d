"""The HTTP clients that the SDKs share, hooked once per process: httpx, httpx2, requests, botocore, aiohttp.

openai and anthropic send through httpx2 (httpx in their older releases), google-genai through httpx, boto3
through botocore. Nothing is imported here that nobody uses, and a call is never kept from its result:
what goes wrong in a hook leaves the contact with the host on record.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Iterator
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from lineage_guard.domain.declared.observation import Via
from lineage_guard.observe.exchange import PEEKED, Call, Fields, answer_of, call_of, fields_of, peek
from lineage_guard.observe.imports import when_imported
from lineage_guard.observe.recorder import Recorder, recorders

_HOOKED = "__lineage_guard_observed__"


def hook_clients() -> None:
    """Hook every client that is imported, and each other one when it is."""
    when_imported("httpx", _hook_httpx)
    when_imported("httpx2", _hook_httpx)
    when_imported("requests.sessions", _hook_requests)
    when_imported("botocore.httpsession", _hook_botocore)
    when_imported("aiohttp.client_reqrep", _hook_aiohttp)


def _hook_httpx(module: ModuleType) -> None:
    replace(module.Client, "send", _sending)
    replace(module.AsyncClient, "send", _sending_async)


def _hook_requests(module: ModuleType) -> None:
    replace(module.Session, "send", _sending_requests)


def _hook_botocore(module: ModuleType) -> None:
    replace(module.URLLib3Session, "send", _sending_botocore)


def _hook_aiohttp(module: ModuleType) -> None:
    replace(module.ClientResponse, "read", _reading_aiohttp)


def replace(owner: Any, name: str, hook: Callable[[Any], Any]) -> None:
    """Put a hook in the place of a method, once.

    Args:
        owner: the class.
        name: the method.
        hook: gets the method, returns what takes its place.
    """
    method = getattr(owner, name)
    if getattr(method, _HOOKED, False):
        return
    hooked = functools.wraps(method)(hook(method))
    setattr(hooked, _HOOKED, True)
    setattr(owner, name, hooked)


def _sending(send: Any) -> Any:
    def sending(self: Any, request: Any, **options: Any) -> Any:
        response = send(self, request, **options)
        if into := recorders():
            _exchanged(into, request.method, str(request.url), _sent(request), response, options.get("stream", False))
        return response

    return sending


def _sending_async(send: Any) -> Any:
    async def sending(self: Any, request: Any, **options: Any) -> Any:
        response = await send(self, request, **options)
        if into := recorders():
            _exchanged(into, request.method, str(request.url), _sent(request), response, options.get("stream", False))
        return response

    return sending


def _sent(request: Any) -> bytes | None:
    """The body of an httpx request that is not a stream; a stream can be read only once, by the client."""
    body: object = getattr(request, "_content", None)
    return body if isinstance(body, bytes) else None


def _sending_requests(send: Any) -> Any:
    def sending(self: Any, request: Any, **options: Any) -> Any:
        response = send(self, request, **options)
        if into := recorders():
            body: object = request.body
            sent = body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else None
            _exchanged(into, request.method or "", request.url or "", sent, response, options.get("stream", False))
        return response

    return sending


def _sending_botocore(send: Any) -> Any:
    def sending(self: Any, request: Any) -> Any:
        response = send(self, request)
        if into := recorders():
            try:
                call = call_of(request.method, request.url, None)
                if call is not None and response.status_code < 400:
                    _answered(into, call, Fields(id=response.headers.get("x-amzn-requestid")))
            except Exception:  # noqa: BLE001 - the call has succeeded, whatever we make of it
                _unread(into, request.url)
        return response

    return sending


def _reading_aiohttp(read: Any) -> Any:
    async def reading(self: Any) -> Any:
        unread = self._body is None
        body = await read(self)
        if unread and (into := recorders()):
            try:
                call = call_of(self.method, str(self.url), None)
                if call is not None and self.status < 400:
                    _answered(into, call, fields_of(body))
            except Exception:  # noqa: BLE001
                _unread(into, str(self.url))
        return body

    return reading


def _exchanged(
    into: tuple[Recorder, ...], method: str, url: str, sent: bytes | None, response: Any, streamed: bool
) -> None:
    try:
        call = call_of(method, url, sent)
        if call is None or response.status_code >= 400:
            return
        if not streamed:
            _answered(into, call, fields_of(response.content))
            return
        # Until the stream has said who answers, somebody on this host does.
        for recorder in into:
            recorder.contacted(call.host)
        for name, watch in (("iter_bytes", _watched), ("iter_content", _watched), ("aiter_bytes", _watched_async)):
            if hasattr(response, name):
                setattr(response, name, watch(getattr(response, name), into, call))
    except Exception:  # noqa: BLE001
        _unread(into, url)


def _answered(into: tuple[Recorder, ...], call: Call, said: Fields) -> None:
    answer = answer_of(call, said)
    if answer is not None:
        for recorder in into:
            recorder.answered(answer, Via.HTTP)


def _unread(into: tuple[Recorder, ...], url: str) -> None:
    for recorder in into:
        recorder.contacted(urlsplit(url).hostname or "")


class _Head:
    """The beginning of a stream, looked at until it says who answers."""

    def __init__(self, into: tuple[Recorder, ...], call: Call) -> None:
        self._into = into
        self._call = call
        self._seen = b""
        self.done = False

    def add(self, chunk: object, last: bool = False) -> None:
        if self.done:
            return
        if isinstance(chunk, bytes):
            self._seen += chunk[:PEEKED]
        elif isinstance(chunk, str):
            self._seen += chunk[:PEEKED].encode()
        said = peek(self._seen)
        if said.model is not None or last or len(self._seen) >= PEEKED:
            self.done = True
            self._seen = b""
            _answered(self._into, self._call, said)


def _watched(iterate: Any, into: tuple[Recorder, ...], call: Call) -> Any:
    def watched(*args: Any, **options: Any) -> Iterator[Any]:
        head = _Head(into, call)
        for chunk in iterate(*args, **options):
            head.add(chunk)
            yield chunk
        head.add(b"", last=True)

    return watched


def _watched_async(iterate: Any, into: tuple[Recorder, ...], call: Call) -> Any:
    async def watched(*args: Any, **options: Any) -> AsyncIterator[Any]:
        head = _Head(into, call)
        async for chunk in iterate(*args, **options):
            head.add(chunk)
            yield chunk
        head.add(b"", last=True)

    return watched
