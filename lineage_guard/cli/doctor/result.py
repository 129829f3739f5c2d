"""What an examination found, and how it is printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_MARKS = {"ok": ("ok", "green"), "hint": ("hint", "cyan"), "warn": ("warn", "yellow"), "fail": ("FAIL", "bold red")}


@dataclass(frozen=True, slots=True)
class Result:
    """What one examination found.

    Attributes:
        check: what was examined.
        state: ``ok``; ``hint``, for somebody to look at once, which may be nothing at all and is never counted;
            ``warn``, which weakens the guard; or ``fail``.
        found: what was found.
        fix: how to mend it; empty when there is nothing to mend.
    """

    check: str
    state: str
    found: str
    fix: str = ""

    def to_dict(self) -> dict[str, str]:
        """As JSON data."""
        return {"check": self.check, "state": self.state, "found": self.found, "fix": self.fix}


def failed(results: Sequence[Result]) -> bool:
    """Whether something needs mending: what the exit code and ``ok`` of the JSON say."""
    return any(r.state == "fail" for r in results)


def table(results: Sequence[Result]) -> None:
    """Print the results as a table with a column that says how to mend each."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(show_lines=True)
    for heading in ("Check", "", "Found", "Fix"):
        grid.add_column(heading, overflow="fold")
    for result in results:
        mark, style = _MARKS[result.state]
        grid.add_row(Text(result.check), Text(mark, style=style), Text(result.found), Text(result.fix))
    Console().print(grid)


def listed(names: Sequence[str], most: int = 8) -> str:
    """Names in one line; a deployment may have thousands.

    Example:
        >>> listed(["b", "a"])
        'a, b'
        >>> listed(["a", "b", "c"], most=2)
        'a, b and 1 more'
    """
    ordered = sorted(set(names))
    more = len(ordered) - most
    return ", ".join(ordered) if more <= 0 else f"{', '.join(ordered[:most])} and {more} more"
