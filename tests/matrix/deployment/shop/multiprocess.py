"""A code location whose steps run in processes of their own."""

import dagster as dg

import lineage_guard

from .routes import routes

defs = lineage_guard.guard(dg.Definitions(**routes("multiprocess"), executor=dg.multiprocess_executor))
