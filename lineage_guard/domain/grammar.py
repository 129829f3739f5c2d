"""Grammar of the sentences that people read."""

from __future__ import annotations


def plural(noun: str, count: int) -> str:
    """A noun for as many as there are.

    Example:
        >>> f"1 {plural('row', 1)}", f"2 {plural('row', 2)}"
        ('1 row', '2 rows')
    """
    return noun if count == 1 else f"{noun}s"
