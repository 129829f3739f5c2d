"""Who may ask the path view what: hosts, tokens, and the headers of every answer."""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response

from lineage_guard.domain.errors import ConfigError
from lineage_guard.web.receiver import is_loopback

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

READ_TOKENS_VARIABLE = "LINEAGE_GUARD_READ_TOKENS"
#: Every answer has these. Nothing but our own scripts and sheets runs; no page may be framed or read by another site.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
#: Answered without a read token: the first two say no more than that it lives, the others have tokens of their own.
_UNREAD = ("/healthz", "/readyz", "/api/v1/lineage", "/api/v1/lineage/batch")


@dataclass(frozen=True, slots=True)
class Access:
    """Who may ask.

    Attributes:
        read_tokens: one of these is needed for every page; empty lets everybody read who gets through.
        hosts: names under which it may be asked for; ``None`` for any.
    """

    read_tokens: tuple[str, ...] = ()
    hosts: frozenset[str] | None = None


def read_tokens_from(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The tokens that may read: ``LINEAGE_GUARD_READ_TOKENS``, separated by commas.

    Example:
        >>> read_tokens_from({"LINEAGE_GUARD_READ_TOKENS": "legal-20c1, oncall-77aa"})
        ('legal-20c1', 'oncall-77aa')
    """
    return tuple(t.strip() for t in environment.get(READ_TOKENS_VARIABLE, "").split(",") if t.strip())


def access_for(host: str, names: Sequence[str], read_tokens: Sequence[str], *, unguarded: bool = False) -> Access:
    """Who may ask a server that listens on a host.

    Args:
        host: address or name it listens on.
        names: further names under which it is reached, e.g. that of a proxy.
        read_tokens: tokens that may read.
        unguarded: whether reading without a token by whoever reaches it is meant.

    Raises:
        ConfigError: others than this machine reach it, there is no token, and nobody said that this is meant.

    Example:
        >>> sorted(access_for("127.0.0.1", (), ()).hosts)
        ['127.0.0.1', '::1', 'localhost']
    """
    if is_loopback(host):
        return Access(tuple(read_tokens), frozenset((*_LOOPBACK_NAMES, host, *map(str.lower, names))))
    if not read_tokens and not unguarded:
        raise ConfigError(
            "no read token is set, and anybody who reaches this address could read what was trained on what",
            where=host,
            fix=f"set {READ_TOKENS_VARIABLE} to one or more secrets, listen on 127.0.0.1, "
            "or say --unguarded if everybody who reaches it may read",
        )
    # An address that stands for all of a machine's is no name that anybody asks for.
    own = () if _is_any(host) else (host,)
    known = frozenset(map(str.lower, (*own, *names)))
    return Access(tuple(read_tokens), known | frozenset(_LOOPBACK_NAMES) if known else None)


class Guarded:
    """An ASGI application behind its doorkeeper.

    Args:
        app: the application.
        access: who may ask.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._hosts = access.hosts
        self._secrets = [t.encode() for t in access.read_tokens]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        refused = self._refused(scope)
        await (refused or self._app)(scope, receive, headed)

    def _refused(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if self._hosts is not None and _name(headers.get("host", "")) not in self._hosts:
            # A name of somebody else's that leads here is how a web page reads what only this machine may.
            return PlainTextResponse(
                "This server is not known under that name. To fix: use its own address, "
                "or start it with --allow-host and that name.\n",
                421,
            )
        if self._secrets and scope["path"] not in _UNREAD and not self._knows(headers.get("authorization", "")):
            return PlainTextResponse(
                "A read token is needed: as bearer token, or as the password when a browser asks (any user name).\n",
                401,
                {"WWW-Authenticate": 'Basic realm="lineage-guard", charset="UTF-8"'},
            )
        return None

    def _knows(self, given: str) -> bool:
        scheme, _, token = given.partition(" ")
        shown = token.strip().encode()
        if scheme.lower() == "basic":
            try:
                shown = base64.b64decode(shown, validate=True).partition(b":")[2]
            except binascii.Error:
                return False
        elif scheme.lower() != "bearer":
            return False
        # Every secret is compared, so that the time says nothing of which one nearly matched.
        known = [hmac.compare_digest(shown, secret) for secret in self._secrets]
        return any(known)


def _name(host: str) -> str:
    """The name in a Host header, without port and brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def _is_any(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return not host
