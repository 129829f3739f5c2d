"""What machines ask of a server: metrics for who scrapes, health for who probes. Needs the extra ``web``.

``/healthz``: the process lives. ``/readyz``: it can answer, because its ledger can be read. ``/health``: the guard is
well, its sensors, deliveries and alerts included. A dead pager must not take the path view out of service, so no
probe that routes or restarts goes by the last.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lineage_guard.alerts import Context, Sink, destinations
from lineage_guard.health import Measuring, Watching, health, readings
from lineage_guard.health.heartbeats import stale_after
from lineage_guard.ledger.ledger import Ledger, utc_now
from lineage_guard.ledger.presence import still_there

if TYPE_CHECKING:
    from starlette.requests import Request

#: Seconds between two looks of a server at the sensors.
EVERY = 30.0
_log = logging.getLogger(__name__)


def monitoring(
    ledger: Ledger, clock: Callable[[], datetime] = utc_now, after: timedelta | None = None
) -> tuple[Route, ...]:
    """The routes ``/metrics``, ``/healthz``, ``/readyz`` and ``/health``, for any Starlette application.

    They tell numbers, and names of code locations, policies, uses and sinks; no asset and no row.

    Args:
        ledger: what is measured.
        clock: the time.
        after: how long a sensor may be silent; its own interval says when ``None``.

    Example:
        >>> import tempfile
        >>> from lineage_guard.ledger import open_ledger
        >>> [route.path for route in monitoring(open_ledger(tempfile.mkdtemp()))]
        ['/metrics', '/healthz', '/readyz', '/health']
    """
    measuring = Measuring(ledger)

    # Not async: Starlette runs these in its threads, so that a slow ledger holds up nobody else.
    def metrics(request: Request) -> Response:
        from lineage_guard.health.prometheus import exposition

        accept = request.headers.get("accept", "")
        body, media = exposition(lambda: readings(measuring.measure(clock()), after), accept)
        return Response(body, headers={"Content-Type": media})

    async def alive(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    def ready(_: Request) -> Response:
        try:
            still_there(ledger)
        except Exception as error:  # noqa: BLE001  whatever it is, this process cannot answer
            _log.error("the ledger cannot be read: %s", error)
            return JSONResponse({"status": "not ready", "found": "the ledger cannot be read"}, 503)
        return JSONResponse({"status": "ok"})

    def well(_: Request) -> Response:
        found = health(measuring.measure(clock()), after)
        return JSONResponse(found.to_dict(), 200 if found.ok else 503)

    return (
        Route("/metrics", metrics),
        Route("/healthz", alive),
        Route("/readyz", ready),
        Route("/health", well),
    )


@contextmanager
def watching(
    ledger: Ledger,
    sinks: Sequence[Sink] | None = None,
    context: Context | None = None,
    after: timedelta | None = None,
    every: float = EVERY,
    clock: Callable[[], datetime] = utc_now,
) -> Generator[threading.Thread]:
    """Watch the sensors of a ledger in the background, and page when one is silent, as long as the block runs.

    Whatever goes wrong is logged, and looked at again.

    Args:
        ledger: where signs of life are.
        sinks: where to; those the environment names when ``None``.
        context: deployment name and links; what the environment says when ``None``.
        after: how long a sensor may be silent; ``LINEAGE_GUARD_STALE_AFTER``, or its own interval, when ``None``.
        every: seconds between two looks.
        clock: the time.

    Raises:
        ConfigError: a variable cannot be right.
    """
    told = sinks if sinks is not None else destinations(os.environ)
    watch = Watching(ledger, after if after is not None else stale_after())
    over = threading.Event()

    def run() -> None:
        while not over.is_set():
            try:
                watch.look(clock(), told, context)
            except Exception as error:  # noqa: BLE001  the next look may see again
                _log.error("sensors could not be watched: %s", error)
            over.wait(every)

    thread = threading.Thread(target=run, name="lineage-guard-watch", daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        over.set()
        thread.join(timeout=30)
