"""Put all hooks in place, once per process. They do next to nothing while nobody records."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from lineage_guard.observe.egress import watch_egress
from lineage_guard.observe.http import hook_clients, replace
from lineage_guard.observe.imports import when_imported
from lineage_guard.observe.loads import hook_loads

_installed = False


def install() -> None:
    """Hook HTTP clients, model loaders and OpenTelemetry, and watch egress. Doing it twice changes nothing."""
    global _installed
    if _installed:
        return
    _installed = True
    watch_egress()
    hook_clients()
    hook_loads()
    when_imported("opentelemetry.sdk.trace", _hook_tracing)


def _hook_tracing(module: ModuleType) -> None:
    replace(module.TracerProvider, "__init__", _making_provider)
    trace: Any = sys.modules.get("opentelemetry.trace")
    made: Any = getattr(trace, "_TRACER_PROVIDER", None)
    if isinstance(made, module.TracerProvider):
        _witness(made)


def _making_provider(make: Any) -> Any:
    def making(self: Any, *args: Any, **options: Any) -> None:
        make(self, *args, **options)
        _witness(self)

    return making


def _witness(provider: Any) -> None:
    from lineage_guard.observe.otel import GenAISpanProcessor

    provider.add_span_processor(GenAISpanProcessor())
