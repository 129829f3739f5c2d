"""A code location whose steps run in the process of their run."""

import dagster as dg

import lineage_guard

from .routes import routes

defs = lineage_guard.guard(dg.Definitions(**routes("in_process"), executor=dg.in_process_executor))
