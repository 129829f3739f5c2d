"""The OpenLineage HTTP endpoint: any producer's HTTP transport can send here.

``POST /api/v1/lineage`` takes one event or an array of events, ``POST /api/v1/lineage/batch`` an
array, both as https://openlineage.io/spec has them. An event is acknowledged only once it is
durable in the ledger. Needs the extra ``web``.
"""

from __future__ import annotations

import hmac
import ipaddress
import json
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lineage_guard.domain.errors import ConfigError, LedgerError
from lineage_guard.ledger.ingest import Ingested, ingest
from lineage_guard.ledger.ledger import Ledger, utc_now
from lineage_guard.openlineage.intake import Found, found, unpack

if TYPE_CHECKING:
    from starlette.requests import Request

TOKENS_VARIABLE = "LINEAGE_GUARD_TOKENS"
#: Largest body, before and after unpacking, unless told otherwise. Marquez' own limit is 1 MiB;
#: events of wide tables with column lineage are larger.
MAX_BYTES = 16 * 1024 * 1024
_log = logging.getLogger(__name__)


class _Refused(Exception):
    """A request that is answered without looking for events in it."""

    def __init__(self, status: int, reason: str, headers: Mapping[str, str] | None = None) -> None:
        self.response = JSONResponse({"error": reason}, status, headers=dict(headers or {}))
        super().__init__(reason)


def tokens_from(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The bearer tokens that may send: ``LINEAGE_GUARD_TOKENS``, separated by commas.

    Example:
        >>> tokens_from({"LINEAGE_GUARD_TOKENS": "spark-7f3a, airflow-91c2"})
        ('spark-7f3a', 'airflow-91c2')
    """
    return tuple(t.strip() for t in environment.get(TOKENS_VARIABLE, "").split(",") if t.strip())


def require_safe(host: str, tokens: Sequence[str]) -> None:
    """Refuse to listen without a token where others can reach.

    Whoever can write events can say that a dataset is clean.

    Args:
        host: address or name to listen on.
        tokens: the bearer tokens.

    Raises:
        ConfigError: when there is no token and the host is not this machine alone.

    Example:
        >>> require_safe("127.0.0.1", ())
    """
    if tokens or is_loopback(host):
        return
    raise ConfigError(
        "no bearer token is set, and anybody who reaches this address could write lineage",
        where=host,
        fix=f"set {TOKENS_VARIABLE} to one or more secrets, or listen on 127.0.0.1",
    )


def receiver(
    ledger: Ledger,
    tokens: Sequence[str] = (),
    max_bytes: int = MAX_BYTES,
    clock: Callable[[], datetime] = utc_now,
) -> Starlette:
    """The endpoint as an ASGI application.

    Args:
        ledger: where events go.
        tokens: bearer tokens; without any, every request is let in (see ``require_safe``).
        max_bytes: largest body, also once unpacked.
        clock: the time, for what is put aside.

    Answers: 201 all events are durable (200 when the ledger had them all already); 400 no JSON;
    401 no valid token; 413 too large; 415 no JSON content type; 422 some events could not be
    understood: they are in quarantine, and the others are durable; 503 the ledger cannot be
    written: send again.
    """
    secrets = [t.encode() for t in tokens]

    async def lineage(request: Request) -> Response:
        try:
            _authorise(request, secrets)
            body = await _body(request, max_bytes)
        except _Refused as refused:
            return refused.response
        source = f"http:{request.client.host if request.client else 'unknown'}"
        try:
            items = _items(body, source, batch=request.url.path.endswith("/batch"))
            told = await run_in_threadpool(ingest, ledger, items, clock())
        except _Refused as refused:
            return refused.response
        except LedgerError as error:
            _log.error("events were not taken in: %s", error)
            # What is wrong with the ledger's storage is not the sender's to know.
            return JSONResponse({"error": "the ledger cannot be written; send again"}, 503, {"Retry-After": "5"})
        return _answer(told, items)

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    paths = ("/api/v1/lineage", "/api/v1/lineage/batch")
    routes = [Route(path, lineage, methods=["POST"]) for path in paths]
    return Starlette(routes=[*routes, Route("/healthz", health)])


def _authorise(request: Request, secrets: Sequence[bytes]) -> None:
    if not secrets:
        return
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    # Every secret is compared, so that the time says nothing of which one nearly matched.
    known = [hmac.compare_digest(given.strip().encode(), s) for s in secrets]
    if scheme.lower() != "bearer" or not any(known):
        raise _Refused(401, "a valid bearer token is needed", {"WWW-Authenticate": 'Bearer realm="lineage"'})


async def _body(request: Request, max_bytes: int) -> bytes:
    # A web page may post anything but JSON to a local port without asking; see "simple requests" in the Fetch standard.
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json" and not content_type.endswith("+json"):
        raise _Refused(415, "send application/json")
    too_large = _Refused(413, f"the body is larger than {max_bytes:,} bytes")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > max_bytes:
        raise too_large
    parts = bytearray()
    async for chunk in request.stream():
        parts.extend(chunk)
        if len(parts) > max_bytes:
            raise too_large
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", ""):
        raise _Refused(415, f"content encoding {encoding!r} is not known; send gzip or none")
    try:
        return unpack(bytes(parts), max_bytes)
    except ValueError as e:
        raise _Refused(413 if "unpacks" in str(e) else 400, str(e)) from e


def _items(body: bytes, source: str, *, batch: bool) -> list[Found]:
    try:
        value: Any = json.loads(body)
    except (ValueError, RecursionError) as e:
        return [Found(source, body, None, f"it is not JSON: {e}")]
    if isinstance(value, list):
        return [found(v, f"{source}[{n}]") for n, v in enumerate(value)]  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if batch:
        raise _Refused(400, "a batch is a JSON array of events")
    return [found(value, source)]


def _answer(told: Ingested, items: Sequence[Found]) -> Response:
    places = {item.where: n for n, item in enumerate(items)}
    failed = [
        {"index": places[where], "reason": f"{field}: {reason}" if field else reason, "retriable": False}
        for where, reason, field in told.refused
    ]
    content: dict[str, object] = {
        "status": "partial_success" if failed else "success",
        "summary": {
            "received": len(items),
            "successful": len(items) - len(failed),
            "failed": len(failed),
            "retriable": 0,
            "non_retriable": len(failed),
            "duplicates": told.duplicates,
        },
    }
    if failed:
        content["failed_events"] = failed
        only_junk = all(item.event is None for item in items)
        return JSONResponse(content, 400 if only_junk else 422)
    return JSONResponse(content, 201 if told.accepted else 200)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a host.

    Example:
        >>> is_loopback("::1"), is_loopback("0.0.0.0")
        (True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
