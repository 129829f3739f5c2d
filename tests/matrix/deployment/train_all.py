"""Training from a script: what a notebook or a cron job of the user does."""

import dagster as dg
from shop.in_process import defs

with dg.DagsterInstance.get() as instance:
    result = dg.materialize(
        [*defs.assets], selection=dg.AssetSelection.groups("materialize"), instance=instance, raise_on_error=False
    )
raise SystemExit(0 if result.success else 1)
