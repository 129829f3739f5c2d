"""What happens when a wrapped step starts: the gate, then the declarations are written down."""

from __future__ import annotations

from dataclasses import dataclass

import dagster as dg

from lineage_guard.dagster import compat
from lineage_guard.dagster.declare import declaration_of, metadata_of
from lineage_guard.dagster.settings import Settings


@dataclass(eq=False)
class Entry:
    """Runs before the code of a wrapped op.

    Attributes:
        settings: what ``guard()`` was told.
        trains: whether the op belongs to a training asset; then whatever goes wrong here
            keeps the op's code from running.
    """

    settings: Settings
    trains: bool

    def __call__(self) -> None:
        """Ask the gate for the training assets of this step; record declarations.

        Raises:
            dagster.Failure: when training must not run. Not retried by a retry policy.
        """
        context = compat.current_step()
        if context is None or not context.has_assets_def:
            return
        if self.trains:
            from lineage_guard.dagster import gate

            gate.hold(context, self.settings)
        _record_declarations(context)


def _record_declarations(context: dg.OpExecutionContext) -> None:
    """Attach each asset's declaration to what this step is about to write.

    Dagster merges this metadata into the materialisation of every kind of function, and
    drops it when the step fails. So history keeps what was declared when the data was made,
    even after the code has changed.
    """
    try:
        asset_context = dg.AssetExecutionContext.get()
        for key in context.selected_asset_keys:
            declaration = declaration_of(context.assets_def.specs_by_key[key].metadata, key.to_user_string())
            if declaration is not None:
                asset_context.add_asset_metadata(metadata_of(declaration), asset_key=key)
    except Exception as error:  # noqa: BLE001 - recording is not the gate: the collector falls back to the definition
        context.log.warning(f"lineage_guard could not record the declaration of this asset: {error}")
