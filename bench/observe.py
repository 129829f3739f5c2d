"""What observing costs: per model call, per audit event, per step.

    python -m bench.observe [--calls 2000]

Each figure is the median of the difference between the same work observed and not observed, in
microseconds, with hooks installed in both cases unless it says otherwise. The limit is 50 µs per call.
The HTTP exchange is real (httpx2, as openai and anthropic use it) over a transport in memory, so that what is
measured is our hook and not the network.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
import time
from collections.abc import Callable
from statistics import median

from lineage_guard.domain.declared.observation import Via
from lineage_guard.observe import Recorder, install, recording, response
from lineage_guard.observe.recorder import Answer, note

LIMIT = 50.0


def measured(work: Callable[[], object], calls: int) -> float:
    """Median microseconds of one call."""
    took: list[float] = []
    for _ in range(calls):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return median(took) * 1e6


def added(work: Callable[[], object], calls: int) -> float:
    """What being observed adds to one call, in microseconds; the best of three, as the machine is shared."""
    best = float("inf")
    for _ in range(3):
        plain = measured(work, calls)
        with recording(Recorder()):
            best = min(best, measured(work, calls) - plain)
    return best


def exchange(size: int) -> Callable[[], object]:
    """One chat completion whose answer has ``size`` characters."""
    import httpx2

    message = {"role": "assistant", "content": "x" * size}
    reply = json.dumps({"id": "chatcmpl-1", "model": "gpt-4o-2024-08-06", "choices": [{"message": message}]}).encode()
    ask = json.dumps({"messages": [{"role": "user", "content": "y" * size}], "model": "gpt-4o"}).encode()
    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, content=reply))
    client = httpx2.Client(transport=transport)
    request = client.build_request("POST", "https://api.openai.com/v1/chat/completions", content=ask)
    return lambda: client.send(request)


def other_request() -> Callable[[], object]:
    """A request that is no model call."""
    import httpx2

    client = httpx2.Client(transport=httpx2.MockTransport(lambda request: httpx2.Response(200, content=b"{}")))
    request = client.build_request("GET", "https://bucket.example/file")
    return lambda: client.send(request)


def span() -> Callable[[], object]:
    """One GenAI span of OpenTelemetry."""
    from opentelemetry.sdk.trace import TracerProvider

    tracer = TracerProvider().get_tracer("bench")
    attributes = {
        "gen_ai.response.model": "gpt-4o-2024-08-06",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.provider.name": "openai",
        "server.address": "api.openai.com",
        "gen_ai.response.id": "chatcmpl-1",
    }
    return lambda: tracer.start_span("chat", attributes=attributes).end()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2000)
    calls = parser.parse_args().calls
    answer = Answer("gpt-4o-2024-08-06", "gpt-4o", "api.openai.com", id="chatcmpl-1")
    idle = measured(lambda: sys.audit("open", "x", "r", 0), calls)
    install()
    rows = [
        ("HTTP call, answer of 200 characters", added(exchange(200), calls)),
        ("HTTP call, answer of 2,000 characters", added(exchange(2_000), calls)),
        ("HTTP call, prompt and answer of 20,000 characters", added(exchange(20_000), calls)),
        ("HTTP call, prompt and answer of 1,000,000 characters", added(exchange(1_000_000), max(calls // 20, 20))),
        ("HTTP request that is no model call", added(other_request(), calls)),
        ("GenAI span", added(span(), calls)),
        ("response handed over", added(lambda: response({"id": "1", "model": "gpt-4o"}), calls)),
        ("the recorder alone", added(lambda: note(answer, Via.HTTP), calls)),
        ("name lookup (localhost)", added(lambda: socket.getaddrinfo("localhost", 80), calls)),
        ("audit event of another kind, nobody records", measured(lambda: sys.audit("open", "x", "r", 0), calls) - idle),
    ]
    recorder = Recorder()

    def step() -> None:
        with recording(recorder):
            pass
        recorder.observation()

    rows.append(("step in which nothing is seen", measured(step, calls)))
    print("| added per | µs | of the limit |\n|---|---|---|")
    for name, cost in rows:
        print(f"| {name} | {cost:.1f} | {cost / LIMIT:.0%} |")


if __name__ == "__main__":
    main()
