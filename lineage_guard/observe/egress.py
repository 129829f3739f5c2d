"""The egress watch: which hosts the process looks up, whoever does it and however.

A Python audit hook (PEP 578) sees every lookup and connection that goes through Python's ``socket``,
instrumented or not. It cannot be taken out again, so there is one per process, and it does nothing while nobody
records. What it cannot see: libraries that bring their own network stack (gRPC, curl, Rust clients),
other processes, and names behind a proxy (there the HTTP hooks see them).
"""

from __future__ import annotations

import sys
from typing import Any, cast
from urllib.parse import urlsplit

from lineage_guard.observe.recorder import recorders

_LOOKUPS = frozenset({"socket.getaddrinfo", "socket.gethostbyname"})
_SPAWNS = frozenset({"subprocess.Popen", "os.fork", "os.posix_spawn", "os.spawn", "os.system"})
_EVENTS = _LOOKUPS | _SPAWNS | {"socket.connect", "urllib.Request"}
_HERE = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0", ""})
_watching = False


def watch_egress() -> None:
    """Install the hook, once per process."""
    global _watching
    if not _watching:
        _watching = True
        sys.addaudithook(_heard)


def _heard(event: str, args: tuple[Any, ...], wanted: frozenset[str] = _EVENTS) -> None:
    # A default, for when Python ends it empties modules and goes on calling hooks.
    if event not in wanted:
        return
    try:
        into = recorders()
        if not into:
            return
        if event in _SPAWNS:
            for recorder in into:
                recorder.spawned()
            return
        host = _host(event, args)
        if host is not None:
            for recorder in into:
                recorder.contacted(host)
    except Exception:  # noqa: BLE001 - an error here would end the user's own call
        return


def _host(event: str, args: tuple[Any, ...]) -> str | None:
    name: object = args[0]
    if event == "socket.connect":
        address = cast("tuple[object, ...]", args[1]) if isinstance(args[1], tuple) else (None,)
        name = address[0]
    elif event == "urllib.Request":
        name = urlsplit(cast("str", args[0])).hostname
    if isinstance(name, bytes):
        name = name.decode("ascii", "replace")
    if not isinstance(name, str):
        return None
    host = name.lower().rstrip(".")
    # An address says nothing of who is there; the name was looked up before.
    if host in _HERE or ":" in host or host.replace(".", "").isdigit():
        return None
    return host
