"""A code location whose steps run in processes of their own."""

import os

import dagster as dg

import lineage_guard

from .routes import routes

#: Started afresh, or forked from a process that has loaded what every step needs.
START = {
    "spawn": {"spawn": {}},
    "forkserver": {"forkserver": {"preload_modules": ["shop.multiprocess", "great_expectations"]}},
}[os.environ.get("SHOP_START_METHOD", "spawn")]

defs = lineage_guard.guard(
    dg.Definitions(
        **routes("multiprocess"),
        executor=dg.multiprocess_executor.configured({"start_method": START}, name="steps_in_processes"),
    )
)
