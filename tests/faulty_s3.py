"""A proxy before a real S3 API that fails as it is told to."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx


class Proxy(ThreadingHTTPServer):
    """Passes requests on to S3; ``failing`` decides which of them are answered with 500 instead."""

    daemon_threads = True

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = upstream
        self.failing = lambda method, count: False
        #: How it fails: an answer, or "drop" (the connection is closed) or "hang" (no answer for a while).
        self.how: int | str = 500
        #: Fail after the request was carried out, so that the caller does not know that it was.
        self.afterwards = False
        self.count = 0
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _pass(self) -> None:
        proxy = self.server
        assert isinstance(proxy, Proxy)
        if self.headers.get("Expect", "").lower() == "100-continue":
            pass  # answered by the base class already
        body = self._body()
        proxy.count += 1
        fails = proxy.failing(self.command, proxy.count)
        status = 500 if isinstance(proxy.how, str) else proxy.how
        code = "SlowDown" if status == 503 else "InternalError"
        headers, data = {}, f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()
        if not fails or proxy.afterwards:
            skip = {"host", "connection", "transfer-encoding", "content-length", "expect"}
            sent = {k: v for k, v in self.headers.items() if k.lower() not in skip}
            if self.headers.get("Transfer-Encoding") == "chunked" or body:
                sent["Content-Length"] = str(len(body))
            answer = httpx.request(self.command, proxy.upstream + self.path, headers=sent, content=body, timeout=30)
            if not fails:
                status, headers, data = answer.status_code, dict(answer.headers), answer.content
        if fails and proxy.how == "hang":
            proxy.closing.wait(2)
        if fails and isinstance(proxy.how, str):
            self.close_connection = True
            return
        self.send_response(status)
        for k, v in headers.items():
            if k.lower() not in (
                "content-length",
                "connection",
                "transfer-encoding",
                "date",
                "server",
                "content-encoding",
            ):
                self.send_header(k, v)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            data = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return data
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    do_GET = do_PUT = do_DELETE = do_HEAD = do_POST = _pass

    def log_message(self, format: str, *args: object) -> None:
        pass
