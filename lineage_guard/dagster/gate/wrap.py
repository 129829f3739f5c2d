"""The wrap: something happens before an asset's own code runs, whoever starts it and however.

The op's compute function is replaced in place, so every path that ends in a step of this
asset goes through here: UI, daemon, command line, backfill, retry, ``materialize()``.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import aclosing
from typing import Any, cast

import dagster as dg

from lineage_guard.dagster import compat
from lineage_guard.domain.errors import UnsupportedAsset

MARK = "__lineage_guard__"


def wrap(op_def: dg.OpDefinition, before: Callable[[], None], asset: str) -> None:
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


def wrapped_by(op_def: dg.OpDefinition) -> Callable[[], None] | None:
    """The ``before`` an op was wrapped with, or ``None``."""
    body = compat.body_of(op_def)
    return getattr(body, MARK, None) if body else None


# One wrapper per kind of function, because Dagster picks its way of running a function by
# looking at its kind. Code of a generator starts at the first next(), so ``before`` does too.


def _sync(body: compat.AnyFunction, before: Callable[[], None]) -> compat.AnyFunction:
    @functools.wraps(body)
    def around(*args: Any, **kwargs: Any) -> Any:
        before()
        return body(*args, **kwargs)

    return around


def _generator(body: compat.AnyFunction, before: Callable[[], None]) -> compat.AnyFunction:
    @functools.wraps(body)
    def around(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        before()
        return (yield from cast("Generator[Any, Any, Any]", body(*args, **kwargs)))

    return around


def _async(body: compat.AnyFunction, before: Callable[[], None]) -> compat.AnyFunction:
    @functools.wraps(body)
    async def around(*args: Any, **kwargs: Any) -> Any:
        before()
        return await body(*args, **kwargs)

    return around


def _async_generator(body: compat.AnyFunction, before: Callable[[], None]) -> compat.AnyFunction:
    @functools.wraps(body)
    async def around(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        before()
        async with aclosing(body(*args, **kwargs)) as events:
            async for event in events:
                yield event

    return around


_AROUND = {"sync": _sync, "generator": _generator, "async": _async, "async_generator": _async_generator}
