"""What happens when a wrapped step starts: the gate, then the declarations are written down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg

from lineage_guard.dagster import compat
from lineage_guard.dagster.gate.wrap import wrapped_by
from lineage_guard.dagster.keys import WRITES_KEY, use_of
from lineage_guard.dagster.settings import Settings
from lineage_guard.domain.verdict.modes import Mode

if TYPE_CHECKING:
    from lineage_guard.dagster.gate.narrow import Outputs


@dataclass(eq=False)
class Entry:
    """Runs before the code of a wrapped op.

    Attributes:
        settings: what ``guard()`` was told.
        trains: whether the op belongs to a training asset; then whatever goes wrong here
            keeps the op's code from running.
        asset: name of the asset, for messages.
        whole: whether the op is all of the asset, and not one of several in its graph.
    """

    settings: Settings
    trains: bool
    asset: str = ""
    whole: bool = False

    def __call__(self) -> Outputs | None:
        """Ask the gate for the training assets of this step; record declarations.

        Returns:
            What the step may still write, when only some of its outputs are stopped.

        Raises:
            dagster.Failure: when training must not run. Not retried by a retry policy.
        """
        context = compat.current_step()
        if context is None:
            if self.trains and self.whole and compat.a_step_runs_in_another_thread():
                from lineage_guard.dagster.gate import hold

                sentence = (
                    f"A thread that a step started runs the code of the training asset {self.asset}, where no step can "
                    "be asked what it reads. Materialise the asset instead."
                )
                hold.out_of_place(None, self.asset, self.settings, sentence)
            return None
        if wrapped_by(context.op_def) is not self or not context.has_assets_def:
            if self.trains:
                self._out_of_place(context)
            return None
        outputs = None
        # Asked of the tags that run, too: an asset may have been tagged after it was guarded.
        if self.trains or any(use_of(spec.tags) is not None for spec in context.assets_def.specs):
            outputs = self._held(context)
        _record_declarations(context)
        return outputs

    def _held(self, context: dg.OpExecutionContext) -> Outputs | None:
        try:
            from lineage_guard.dagster.gate import hold

            return hold.hold(context, self.settings)
        except dg.Failure:
            raise
        except Exception as error:
            if self.settings.mode.floor is Mode.ENFORCE:
                raise
            context.log.error(
                f"lineage_guard could not ask its gate about {self.asset}, which runs all the same because the whole "
                f"guard is in mode {self.settings.mode.rest.value!r}: {type(error).__name__}: {error}"
            )
            return None

    def _out_of_place(self, context: dg.OpExecutionContext) -> None:
        """The code of a training asset runs in a step that is not its own.

        Raises:
            dagster.Failure: unless it is one op of several in the asset's graph, which a plain
                job may share without training anything.
        """
        from lineage_guard.dagster.gate import hold

        shared = wrapped_by(context.op_def) is self and not self.whole
        where = f"op {context.op.name!r} of job {context.job_name!r}"
        if shared:
            context.log.warning(
                f"lineage_guard: {where} runs code of the training asset {self.asset} outside of that asset, so no "
                "gate was asked. If it trains, materialise the asset instead."
            )
            return
        sentence = (
            f"{where} runs the code of the training asset {self.asset} outside of that asset's own step, so what it "
            "would learn from cannot be known. Materialise the asset instead."
        )
        hold.out_of_place(context, self.asset, self.settings, sentence)


def _record_declarations(context: dg.OpExecutionContext) -> None:
    """Attach each asset's declaration to what this step is about to write.

    Dagster merges this metadata into the materialisation of every kind of function, and
    drops it when the step fails. So history keeps what was declared when the data was made,
    even after the code has changed.
    """
    try:
        from lineage_guard.dagster.declare import declaration_of, declared_writes, metadata_of
        from lineage_guard.domain.declared.declaration import Declaration

        asset_context = dg.AssetExecutionContext.get()
        for key in context.selected_asset_keys:
            metadata = context.assets_def.specs_by_key[key].metadata
            # Silence is written down too: a collector without the definition can then tell it from ignorance.
            declaration = declaration_of(metadata, key.to_user_string()) or Declaration()
            said = metadata_of(declaration)
            if (writes := declared_writes(metadata)) is not None:
                said[WRITES_KEY] = writes
            asset_context.add_asset_metadata(said, asset_key=key)
    except Exception as error:  # noqa: BLE001 - recording is not the gate: the collector falls back to the definition
        context.log.warning(f"lineage_guard could not record the declaration of this asset: {error}")
