"""A step that writes several assets, of which some are stopped: what it may still write.

Where Dagster lets an asset run for a part of its outputs (``can_subset=True``), the step's own
code is shown a smaller selection, as if somebody had launched it for the others only. What it
yields for a stopped asset all the same is refused before any IO manager sees it.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Generator, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, NoReturn, cast

import dagster as dg

from lineage_guard.dagster import compat


@dataclass(frozen=True)
class Left:
    """What is left of a step when some of its assets are stopped.

    Attributes:
        words: says so.
        stopped: assets that may not be written: the blocked ones, and what is made from them here.
        keys: what it may still write; ``None`` when the step has to end.
        step_narrowed: whether its own code must be shown a smaller selection; not so for an op of a
            graph that makes nothing that is stopped.
    """

    words: str
    stopped: frozenset[dg.AssetKey]
    keys: frozenset[dg.AssetKey] | None = None
    step_narrowed: bool = True


def narrowed(context: dg.OpExecutionContext, blocked: AbstractSet[dg.AssetKey]) -> Left:
    """What a step may still write.

    Args:
        context: of the step.
        blocked: its training assets that may not run.
    """
    selected = frozenset(context.selected_asset_keys)
    stopped = _with_made_from(context, selected, blocked)
    others = selected - stopped
    if not selected - blocked:
        return Left("", stopped)
    why = f"{_names(blocked)} may not be made"
    if beside := stopped - blocked:
        why += f", nor {_names(beside)}, made from it in the same step"
    if not others:
        return Left(f"{why}. Nothing else is left to this step.", stopped)
    if not context.assets_def.can_subset:
        fix = "To make them without it, define the asset with can_subset=True and write context.selected_asset_keys"
        return Left(f"{why}. The same step writes {_names(others)} and cannot do one alone. {fix}.", stopped)
    rest = f"{_names(others)} {'are' if len(others) > 1 else 'is'} made all the same"
    if context.assets_def.node_def is not context.op_def:
        feeds = compat.assets_fed_by(context)
        if not feeds or feeds & stopped:
            return Left(f"{why}. Op {context.op.name!r} is part of making it.", stopped)
        return Left(f"{why}. {rest}.", stopped, others, step_narrowed=False)
    if not compat.takes_context(context.op_def):
        fix = "To make them without it, take `context` and write context.selected_asset_keys only"
        return Left(f"{why}. The code that writes {_names(others)} too never asks what is wanted. {fix}.", stopped)
    return Left(f"{why}. {rest}. What is downstream of them runs when it is launched again.", stopped, others)


class Outputs:
    """Stands between a narrowed step's code and Dagster: lets outputs through, refuses the stopped ones.

    Args:
        context: of the step; from here on it shows the smaller selection.
        left: what it may still write.
        failure: ends the step when the rest is written.
    """

    def __init__(self, context: dg.OpExecutionContext, left: Left, failure: dg.Failure) -> None:
        names = context.assets_def.keys_by_output_name
        self._stopped = left.stopped
        self._names = {name for name, key in names.items() if key in left.stopped}
        self._failure = failure
        compat.narrow(context, left.keys or frozenset())

    def allow(self, event: Any) -> Any:
        """An event of the step's own code, when it is about nothing that is stopped.

        Raises:
            dagster.Failure: when it is. The code did not keep to its selection and may have trained.
        """
        name = getattr(event, "output_name", None)
        key: dg.AssetKey | None = getattr(event, "asset_key", None)
        if name in self._names or key in self._stopped:
            what = key.to_user_string() if key else name
            raise dg.Failure(
                f"{self._failure.description}\n\nThe step's code made {what!r} although it was not selected "
                "(context.selected_asset_keys). Dagster was not given it, but the code has run: delete what it "
                "wrote by itself.",
                metadata=self._failure.metadata,
                allow_retries=False,
            )
        return event

    def end(self) -> NoReturn:
        """End the step: what it was allowed to write is written.

        Raises:
            dagster.Failure: always.
        """
        raise self._failure

    def of_result(self, result: Any) -> Iterator[Any]:
        """Events out of what a function returned.

        Raises:
            dagster.Failure: at the end, or when it returned something stopped or something that does not
                say which assets it is.
        """
        each = cast("Any", result) if inspect.isgenerator(result) else result if _is_tuple(result) else (result,)
        for event in each:
            if not isinstance(event, dg.Output | dg.MaterializeResult | dg.ObserveResult | dg.AssetCheckResult):
                if event is None and not _is_tuple(result):
                    break
                raise dg.Failure(
                    f"{self._failure.description}\n\nThe step's code returned all its outputs at once. To write some "
                    "of them it must yield, or return MaterializeResults of context.selected_asset_keys only.",
                    metadata=self._failure.metadata,
                    allow_retries=False,
                )
            yield self.allow(event)
        self.end()

    def of_generator(self, events: Iterator[Any]) -> Generator[Any, Any, Any]:
        """Events of a generator, refused or let through; ends the step after the last."""
        for event in events:
            yield self.allow(event)
        self.end()

    async def of_async_generator(self, events: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """The same of an async generator."""
        async for event in events:
            yield self.allow(event)
        self.end()


def _with_made_from(
    context: dg.OpExecutionContext, selected: frozenset[dg.AssetKey], blocked: AbstractSet[dg.AssetKey]
) -> frozenset[dg.AssetKey]:
    """The blocked assets, and what the same step makes from them."""
    graph = context.job_def.asset_layer.asset_graph
    stopped = set(blocked)
    grew = True
    while grew:
        more = {k for k in selected - stopped if not graph.has(k) or graph.get(k).parent_keys & stopped}
        stopped |= more
        grew = bool(more)
    return frozenset(stopped)


def _is_tuple(result: object) -> bool:
    return isinstance(result, tuple) and not hasattr(cast("object", result), "_fields")


def _names(keys: AbstractSet[dg.AssetKey]) -> str:
    return ", ".join(sorted(k.to_user_string() for k in keys))
