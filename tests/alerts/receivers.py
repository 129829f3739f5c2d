"""Receivers of alerts on this machine that speak the documented protocols, and fail as they are told to."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

Answer = tuple[int, dict[str, str], bytes]
PAGERDUTY_KEY = "0123456789abcdef0123456789abcdef"
SLACK_TOKEN = "xoxb-12-34-s3cret"
SLACK_CHANNEL = "C0123456789"


@dataclass
class Http:
    """An HTTP server with a fault that can be switched: a status, ``hang``, ``drip``, or none."""

    answer: Callable[[str, dict[str, str], bytes], Answer]
    fault: str | int | None = None
    error: bytes = b""
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""
    over: threading.Event = field(default_factory=threading.Event)

    def respond(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["content-length"]))
        headers = {k.lower(): v for k, v in handler.headers.items()}
        self.requests.append((handler.path, headers, body))
        if self.fault == "hang":
            self.over.wait(30)
        elif self.fault == "drip":
            self._drip(handler)
        else:
            status, more, text = self._answer(handler.path, headers, body)
            handler.send_response(status)
            for name, value in {**more, "content-length": str(len(text))}.items():
                handler.send_header(name, value)
            handler.end_headers()
            handler.wfile.write(text)

    def _answer(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        if not isinstance(self.fault, int):
            return self.answer(path, headers, body)
        more = {429: {"retry-after": "120"}, 302: {"location": "/elsewhere"}}.get(self.fault, {})
        return self.fault, more, self.error

    def _drip(self, handler: BaseHTTPRequestHandler) -> None:
        """One byte after the other, each well before any read could time out."""
        try:
            for letter in b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n" + b" " * 100_000:
                handler.wfile.write(bytes([letter]))
                if self.over.wait(0.02):
                    return
        except OSError:
            return


@contextmanager
def serving(http: Http, tls: bool = False) -> Iterator[Http]:
    """Serve until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            http.respond(self)

        def log_message(self, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *args: object) -> None:
            """Clients that give up are what is tested here."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls_context().wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    http.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield http
    finally:
        http.over.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


@contextmanager
def closed_port() -> Iterator[str]:
    """Host and port at which nobody listens, and nobody else can while the block lasts: it is bound."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


@cache
def certificate() -> tuple[str, str]:
    """A certificate that nobody vouches for, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )
    folder = Path(mkdtemp(prefix="lineage-guard-tls-"))
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (folder / "key.pem").write_bytes(pem)
    return str(folder / "cert.pem"), str(folder / "key.pem")


def tls_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate())
    return context


@dataclass
class PagerDuty:
    """The Events API v2: alerts by routing key and dedup key, whom it notified, and change events."""

    keys: tuple[str, ...] = (PAGERDUTY_KEY,)
    events: list[dict[str, Any]] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    open: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    notified: list[str] = field(default_factory=list)

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        event = json.loads(body)
        wrong = self._wrong(path, event)
        if wrong:
            return 400, {}, json.dumps({"status": "invalid event", "message": wrong, "errors": [wrong]}).encode()
        if path == "/v2/change/enqueue":
            self.changes.append(event)
            return 202, {}, b'{"status": "success", "message": "Change event processed"}'
        self.events.append(event)
        place = (event["routing_key"], event["dedup_key"])
        if event["event_action"] == "resolve":
            self.open.pop(place, None)
        else:
            if place not in self.open:
                self.notified.append(event["payload"]["summary"])
            self.open.setdefault(place, []).append(event)
        said = {"status": "success", "message": "Event processed", "dedup_key": event["dedup_key"]}
        return 202, {}, json.dumps(said).encode()

    def _wrong(self, path: str, event: dict[str, Any]) -> str:
        """What the documentation says is refused."""
        if event.get("routing_key") not in self.keys:
            return "'routing_key' is invalid"
        for link in event.get("links", []):
            if not link["href"].startswith("http"):
                return "'links' are invalid"
        if path == "/v2/change/enqueue":
            return "" if event["payload"].get("summary") else "'payload.summary' is missing or blank"
        if path != "/v2/enqueue" or event.get("event_action") not in ("trigger", "acknowledge", "resolve"):
            return "'event_action' is missing or blank"
        if len(event.get("dedup_key", "")) > 255:
            return "'dedup_key' is too long"
        if event["event_action"] == "resolve":
            return "" if event.get("dedup_key") else "'dedup_key' is missing or blank"
        payload = event.get("payload", {})
        if any(not payload.get(name) for name in ("summary", "source")) or len(payload["summary"]) > 1024:
            return "'payload' is invalid"
        return "" if payload.get("severity") in ("critical", "error", "warning", "info") else "'severity' is invalid"


@dataclass
class Slack:
    """``chat.postMessage`` and ``chat.update`` of the Web API: HTTP 200, and ``ok`` or an error code."""

    messages: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    error: str | None = None
    only: str = ""
    token: str = SLACK_TOKEN

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        said = json.loads(body)
        method = path.removeprefix("/")
        self.calls.append((method, said))
        if self.error and self.only in ("", method):
            more = {"retry-after": "30"} if self.error == "ratelimited" else {}
            return 200, more, json.dumps({"ok": False, "error": self.error}).encode()
        wrong = self._wrong(method, headers, said)
        if wrong:
            return 200, {}, json.dumps({"ok": False, "error": wrong}).encode()
        ts = said.get("ts") or f"17000000{len(self.messages):02d}.000100"
        self.messages[ts] = said
        return 200, {}, json.dumps({"ok": True, "channel": SLACK_CHANNEL, "ts": ts}).encode()

    def _wrong(self, method: str, headers: dict[str, str], said: dict[str, Any]) -> str:
        if headers.get("authorization") != f"Bearer {self.token}":
            return "invalid_auth"
        if method not in ("chat.postMessage", "chat.update"):
            return "unknown_method"
        if said["channel"] != SLACK_CHANNEL:
            return "channel_not_found"
        if method == "chat.update" and said["ts"] not in self.messages:
            return "message_not_found"
        if not said.get("text"):
            return "no_text"
        return "" if len(said["blocks"]) <= 50 and all(map(self._fits, said["blocks"])) else "invalid_blocks"

    def _fits(self, block: dict[str, Any]) -> bool:
        limits = {"header": 150, "section": 3000}
        texts = block["elements"] if block["type"] == "context" else [block["text"]]
        return 0 < len(texts) <= 10 and all(0 < len(t["text"]) <= limits.get(block["type"], 2000) for t in texts)


def webhook(path: str, headers: dict[str, str], body: bytes) -> Answer:
    """Takes anything."""
    return 200, {}, b""


class Mailbox:
    """An SMTP server of aiosmtpd's that keeps what it gets, or refuses at one step with a reply.

    Args:
        fault: ``(step, reply)``: ``connect``, ``auth``, ``mail``, ``rcpt`` or ``data``.
        tls: whether it offers STARTTLS, with a certificate that nobody vouches for.
    """

    def __init__(self, fault: tuple[str, str] | None = None, tls: bool = False) -> None:
        self.fault = fault
        self.mails: list[tuple[str, list[str], bytes]] = []
        self.logins: list[tuple[bytes, bytes]] = []
        self._tls = tls

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Serve until the block ends; gives the host and port."""
        from aiosmtpd.controller import Controller
        from aiosmtpd.smtp import AuthResult, LoginPassword

        def login(server: Any, session: Any, envelope: Any, mechanism: str, data: LoginPassword) -> AuthResult:
            self.logins.append((data.login, data.password))
            return AuthResult(success=self.fault is None or self.fault[0] != "auth", handled=False)

        class Bound(Controller):
            """On a socket that is bound already: a port that was free a moment ago may be taken."""

            def _create_server(self) -> Any:
                return self.loop.create_server(self._factory_invoker, sock=listener)

        listener = socket.create_server(("127.0.0.1", 0))
        controller = Bound(
            self,
            hostname="127.0.0.1",
            port=listener.getsockname()[1],
            authenticator=login,
            auth_require_tls=False,
            tls_context=tls_context() if self._tls else None,
        )
        controller.start()
        try:
            yield f"127.0.0.1:{controller.port}"
        finally:
            controller.stop()

    def _reply(self, step: str) -> str:
        return self.fault[1] if self.fault and self.fault[0] == step else "250 OK"

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        envelope.mail_from = address
        return self._reply("mail")

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        reply = self._reply("rcpt")
        if reply.startswith("250") or not address.startswith("refused"):
            envelope.rcpt_tos.append(address)
            return "250 OK"
        return reply

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        reply = self._reply("data")
        if reply.startswith("250"):
            self.mails.append((envelope.mail_from, list(envelope.rcpt_tos), envelope.content))
        return reply


@contextmanager
def slow_server(drip: bool) -> Iterator[str]:
    """A server that accepts connections and says nothing, or its greeting one byte at a time, for ever."""
    over = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        with connection:
            while drip and not over.wait(0.02):
                try:
                    connection.sendall(b"2")
                except OSError:
                    return
            over.wait(30)

    def accept() -> None:
        while not over.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for a condition."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.01)
