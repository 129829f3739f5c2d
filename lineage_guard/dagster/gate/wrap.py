"""The wrap: something happens before an asset's own code runs, whoever starts it and however.

The op's compute function is replaced in place, so every path that ends in a step of this
asset goes through here: UI, daemon, command line, backfill, retry, ``materialize()``.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any, cast

import dagster as dg

from lineage_guard.dagster import compat
from lineage_guard.domain.errors import UnsupportedAsset

if TYPE_CHECKING:
    from lineage_guard.dagster.gate.narrow import Outputs

MARK = "__lineage_guard__"
#: Runs ahead of the op's own code; returns what that code may still write when it is not everything.
Before = Callable[[], "Outputs | None"]


def wrap(op_def: dg.OpDefinition, before: Before, asset: str) -> None:
    """Have ``before`` run inside the step, ahead of the op's own code. In place.

    Args:
        op_def: the op.
        before: raises to keep the op's code from running. It is also how a second wrap
            finds the first, see ``wrapped_by``.
        asset: name of the asset, for the error.

    Raises:
        UnsupportedAsset: when the op has no function that can be wrapped.
    """
    body = compat.body_of(op_def)
    if body is None:
        raise UnsupportedAsset(
            f"op {op_def.name!r} has a compute function of type {type(op_def.compute_fn).__name__}",
            where=asset,
            fix="define the asset with a decorator of Dagster, or with an op whose compute_fn is a function",
        )
    around = _AROUND[compat.kind_of(body)](body, before)
    setattr(around, MARK, before)
    compat.replace_body(op_def, around)


def wrapped_by(op_def: dg.OpDefinition) -> Before | None:
    """The ``before`` an op was wrapped with, or ``None``."""
    body = compat.body_of(op_def)
    return getattr(body, MARK, None) if body else None


# One wrapper per kind of function, because Dagster picks its way of running a function by
# looking at its kind. Code of a generator starts at the first next(), so ``before`` does too.


def _sync(body: compat.AnyFunction, before: Before) -> compat.AnyFunction:
    @functools.wraps(body)
    def around(*args: Any, **kwargs: Any) -> Any:
        outputs = before()
        result = body(*args, **kwargs)
        return result if outputs is None else outputs.of_result(result)

    return around


def _generator(body: compat.AnyFunction, before: Before) -> compat.AnyFunction:
    @functools.wraps(body)
    def around(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        outputs = before()
        with closing(cast("Generator[Any, Any, Any]", body(*args, **kwargs))) as events:
            all_or_some: Generator[Any, Any, Any] = events if outputs is None else outputs.of_generator(events)
            return (yield from all_or_some)

    return around


def _async(body: compat.AnyFunction, before: Before) -> compat.AnyFunction:
    @functools.wraps(body)
    async def around(*args: Any, **kwargs: Any) -> Any:
        outputs = before()
        result = await body(*args, **kwargs)
        return result if outputs is None else outputs.of_result(result)

    return around


def _async_generator(body: compat.AnyFunction, before: Before) -> compat.AnyFunction:
    @functools.wraps(body)
    async def around(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        outputs = before()
        async with aclosing(body(*args, **kwargs)) as events:
            async for event in events if outputs is None else outputs.of_async_generator(events):
                yield event

    return around


_AROUND = {"sync": _sync, "generator": _generator, "async": _async, "async_generator": _async_generator}
