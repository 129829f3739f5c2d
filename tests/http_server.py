"""An HTTP server that answers every POST as a function says, for the tests whose clients are real."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

#: Status, headers and body of an answer; of the latter two, nothing need be said.
Answer = int | tuple[int, Mapping[str, str], bytes]


@contextmanager
def answering(answer: Callable[[bytes], Answer]) -> Generator[str]:
    """Serve on a free port, in threads; yields the URL. A GET finds an empty page.

    Args:
        answer: what is answered to the body of a POST.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = answer(self.rfile.read(int(self.headers["Content-Length"])))
            self._say(*((said, {}, b"") if isinstance(said, int) else said))

        def do_GET(self) -> None:
            self._say(200, {}, b"")

        def _say(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
            self.send_response_only(status)  # no headers of its own, such as the time
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
