"""How the guard itself is: what can be measured of it, whether it is well, and who says so when its sensor cannot.

Everything is read from the ledger, so any process that reaches the ledger can be asked.
"""

from lineage_guard.health.heartbeats import beat, forget, heartbeats
from lineage_guard.health.measures import Measured, Measuring
from lineage_guard.health.readings import METRICS, Histogram, Metric, Readings, readings
from lineage_guard.health.watching import Watched, Watching
from lineage_guard.health.wellness import Check, Health, health

__all__ = [
    "METRICS",
    "Check",
    "Health",
    "Histogram",
    "Measured",
    "Measuring",
    "Metric",
    "Readings",
    "Watched",
    "Watching",
    "beat",
    "forget",
    "health",
    "heartbeats",
    "readings",
]
