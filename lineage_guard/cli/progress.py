"""Progress of long work: a bar on a terminal, a line now and then anywhere else."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

_EVERY = 10.0

#: Takes how much is done and how much there is in all, ``None`` while that is not known.
Told = Callable[[int, int | None], None]


@contextmanager
def shown(label: str, *, quiet: bool) -> Generator[Told, None, None]:
    """Show how far something has got, on standard error.

    Args:
        label: what is being done, e.g. ``"Delivering"``.
        quiet: show nothing.

    Example:
        >>> with shown("Counting", quiet=True) as told:
        ...     told(1, 2)
    """
    console = Console(stderr=True)
    if quiet:
        yield lambda _done, _total: None
    elif not console.is_terminal:
        yield _lines(label, console)
    else:
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"), TimeElapsedColumn())
        text, left = TextColumn("{task.description}"), TimeRemainingColumn()
        with Progress(text, *columns, TextColumn("left"), left, console=console, transient=True) as progress:
            task, began = progress.add_task(label, total=None, rate=""), time.monotonic()

            def bar(done: int, total: int | None) -> None:
                progress.update(task, completed=done, total=total, rate=_rate(done, began))

            yield bar


def _lines(label: str, console: Console) -> Told:
    began = time.monotonic()
    due = began + _EVERY

    def line(done: int, total: int | None) -> None:
        nonlocal due
        now = time.monotonic()
        if now >= due:
            due = now + _EVERY
            of = f" of {total:,}" if total is not None else ""
            console.print(f"{label}: {done:,}{of} ({_rate(done, began)})", highlight=False)

    return line


def _rate(done: int, began: float) -> str:
    seconds = time.monotonic() - began
    return f"{done / seconds:,.0f}/s" if seconds > 0 else ""
