"""Observation of steps: what an asset's own code was seen to use goes into its materialisation's metadata.

Every asset of a guarded code location is observed, not only those that declare models: the one that
declares nothing is the one to watch. It costs a step microseconds until a model answers.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Generator, Mapping, Sequence
from contextlib import aclosing, closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import dagster as dg

from lineage_guard.dagster import compat
from lineage_guard.dagster.keys import NAMESPACE
from lineage_guard.dagster.settings import Settings, rulebook

if TYPE_CHECKING:
    from lineage_guard.domain.declared.observation import Observation
    from lineage_guard.domain.facts import ModelSource
    from lineage_guard.observe import Recorder

#: Metadata key of what was observed, on materialisations.
OBSERVED_KEY = f"{NAMESPACE}/observed"
#: Metadata key on definitions: ``False`` leaves an asset unobserved.
OBSERVE_KEY = f"{NAMESPACE}/observe"
_MARK = "__lineage_guard_observing__"
#: More partitions of one step than this are not listed; then models declared for any of them are expected.
_MOST_PARTITIONS = 100


def observe(asset: dg.AssetsDefinition, settings: Settings) -> None:
    """Have the steps of an asset observed. In place; a second time changes nothing.

    Args:
        asset: the asset. Ops whose function has a shape we do not know stay as they are.
        settings: what ``guard()`` was told.
    """
    for op_def in asset.node_def.iterate_op_defs():
        body = compat.body_of(op_def)
        # functools.wraps carries the mark on to whatever is wrapped around it.
        if body is not None and not hasattr(body, _MARK):
            around = _AROUND[compat.kind_of(body)](body, settings)
            setattr(around, _MARK, True)
            compat.replace_body(op_def, around)


def observation_of(metadata: Mapping[str, Any], asset: str | None = None) -> Observation | None:
    """Read what was observed from the metadata of a materialisation.

    Args:
        metadata: Dagster metadata, raw or as ``MetadataValue``.
        asset: name of the asset, for the error.

    Raises:
        DeclarationError: when there is something that cannot be read; it never counts as "nothing seen".
    """
    value: object = metadata.get(OBSERVED_KEY)
    if value is None:
        return None
    from lineage_guard.domain.declared.observation import Observation

    return Observation.from_json(value.data if isinstance(value, dg.JsonMetadataValue) else value, where=asset)


class _Step:
    """One step while it is observed."""

    def __init__(self, context: dg.OpExecutionContext, settings: Settings) -> None:
        self._context = context
        self._settings = settings
        self._written = 0
        self._in_graph = context.op_def is not context.assets_def.node_def
        self.recorder = self._begin()

    def _begin(self) -> Recorder:
        from lineage_guard.observe import Recorder, install

        install()
        return Recorder(self._provider_of)

    def _provider_of(self, host: str) -> str | None:
        catalog, _ = rulebook(self._settings)
        return catalog.hosts.provider_of(host)

    def write(self, last: bool = False) -> None:
        """Attach what was noticed so far to what the step is about to write.

        Args:
            last: whether the author's code is done.
        """
        changes = self.recorder.changes
        if changes == self._written and not self._in_graph:
            return
        self._written = changes
        try:
            asset_context = dg.AssetExecutionContext.get()
            for key, seen in self._by_asset().items():
                observation = self._handed_on(key, seen, last) if self._in_graph else seen
                if observation:
                    said = {OBSERVED_KEY: dg.MetadataValue.json(observation.to_json())}
                    asset_context.add_asset_metadata(said, asset_key=key)
        except Exception as error:
            self._context.log.warning("lineage_guard could not write down what it observed", exc_info=True)
            _unseen(self._context, error)

    def _handed_on(self, key: dg.AssetKey, seen: Observation, last: bool) -> Observation:
        """What this op saw, with what ops before it saw: of a graph, only the op at the end writes the asset.

        They leave it in the event log as an ``AssetObservation``, which the ops after them find there.
        """
        of_type = dg.DagsterEventType.ASSET_OBSERVATION
        earlier: list[Observation] = []
        # A run that goes on where another failed does not run again what went well there.
        run = self._context.run
        runs = {run.run_id, run.parent_run_id, run.root_run_id} - {None}
        for entry in (e for r in runs for e in self._context.instance.all_logs(str(r), of_type=of_type)):
            event = entry.dagster_event
            if event is not None and event.asset_key == key:
                left = observation_of(event.asset_observation_data.asset_observation.metadata, key.to_user_string())
                earlier += [left] if left else []
        if seen and last:
            said = {OBSERVED_KEY: dg.MetadataValue.json(seen.to_json())}
            self._context.log_event(dg.AssetObservation(key, metadata=said))
        return seen.joined(earlier)

    def _by_asset(self) -> dict[dg.AssetKey, Observation]:
        from dataclasses import replace

        from lineage_guard.dagster.pins.step import partitions_of
        from lineage_guard.domain.declared.observed import unexplained
        from lineage_guard.domain.names import same_model

        seen = self.recorder.observation()
        if not seen:
            return dict.fromkeys(self._context.selected_asset_keys, seen)
        declared = {key: self._declared(key) for key in self._context.selected_asset_keys}
        of_step = [model for models in declared.values() for model in models]
        partitions = [p for p in partitions_of(self._context) if p is not None]
        if seen.contacts:
            terms = rulebook(self._settings)[0].terms
            seen = replace(
                seen, contacts=unexplained(seen.contacts, seen.models, of_step, terms, datetime.now(UTC).date())
            )
        seen = replace(seen, partitions=tuple(partitions) if len(partitions) <= _MOST_PARTITIONS else ())

        def concerns(model: str, own: Sequence[ModelSource]) -> bool:
            """Not when its author says that it made another asset of this step."""
            return any(same_model(m.model, model) for m in own) or not any(same_model(m.model, model) for m in of_step)

        return {
            key: replace(seen, models=tuple(m for m in seen.models if concerns(m.model, own)))
            for key, own in declared.items()
        }

    def _declared(self, key: dg.AssetKey) -> Sequence[ModelSource]:
        from lineage_guard.dagster.declare import declaration_of

        declaration = declaration_of(self._context.assets_def.specs_by_key[key].metadata, key.to_user_string())
        return declaration.models if declaration else ()


def _step(settings: Settings) -> _Step | None:
    """The step that runs now, if it is to be observed."""
    context = compat.current_step()
    if context is None or not context.has_assets_def:
        return None
    specs = context.assets_def.specs_by_key
    if any(specs[key].metadata.get(OBSERVE_KEY) is False for key in context.selected_asset_keys):
        context.log.warning("lineage_guard does not observe this step, because its author turned that off.")
        return None
    try:
        return _Step(context, settings)
    except Exception as error:
        # Observing is not the gate: the step goes on. Its record is incomplete, and the log says why.
        context.log.warning("lineage_guard could not observe this step", exc_info=True)
        _unseen(context, error)
        return None


def _unseen(context: dg.OpExecutionContext, error: Exception) -> None:
    """What could not be seen or written must not pass for nothing seen: the record will be incomplete."""
    said = {OBSERVED_KEY: dg.MetadataValue.json({"error": f"{type(error).__name__}: {error}"})}
    asset_context = dg.AssetExecutionContext.get()
    for key in context.selected_asset_keys:
        asset_context.add_asset_metadata(said, asset_key=key)


def _sync(body: compat.AnyFunction, settings: Settings) -> compat.AnyFunction:
    @functools.wraps(body)
    def around(*args: Any, **kwargs: Any) -> Any:
        step = _step(settings)
        if step is None:
            return body(*args, **kwargs)
        from lineage_guard.observe import recording

        with recording(step.recorder):
            result = body(*args, **kwargs)
        if inspect.isgenerator(result):
            return _resumed(result, step)
        step.write(last=True)
        return result

    return around


def _generator(body: compat.AnyFunction, settings: Settings) -> compat.AnyFunction:
    @functools.wraps(body)
    def around(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        events = cast("Generator[Any, Any, Any]", body(*args, **kwargs))
        step = _step(settings)
        return (yield from events if step is None else _resumed(events, step))

    return around


def _resumed(events: Generator[Any, Any, Any], step: _Step) -> Generator[Any, Any, Any]:
    """A generator that is observed whenever it runs, and written down before each of its events is.

    A generator shares the context of whoever resumes it, so the recorder is theirs only meanwhile.
    """
    from lineage_guard.observe.recorder import current, opened

    with opened(step.recorder), closing(events):
        sent: Any = None
        while True:
            try:
                with current(step.recorder):
                    event = events.send(sent)
            except StopIteration as end:
                step.write(last=True)
                return end.value
            step.write()
            sent = yield event


def _async(body: compat.AnyFunction, settings: Settings) -> compat.AnyFunction:
    @functools.wraps(body)
    async def around(*args: Any, **kwargs: Any) -> Any:
        step = _step(settings)
        if step is None:
            return await body(*args, **kwargs)
        from lineage_guard.observe import recording

        with recording(step.recorder):
            result = await body(*args, **kwargs)
        step.write(last=True)
        return result

    return around


def _async_generator(body: compat.AnyFunction, settings: Settings) -> compat.AnyFunction:
    @functools.wraps(body)
    async def around(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        step = _step(settings)
        if step is None:
            async with aclosing(body(*args, **kwargs)) as events:
                async for event in events:
                    yield event
            return
        from lineage_guard.observe.recorder import current, opened

        with opened(step.recorder):
            async with aclosing(body(*args, **kwargs)) as events:
                while True:
                    try:
                        with current(step.recorder):
                            event = await anext(events)
                    except StopAsyncIteration:
                        step.write(last=True)
                        return
                    step.write()
                    yield event

    return around


_AROUND = {"sync": _sync, "generator": _generator, "async": _async, "async_generator": _async_generator}
