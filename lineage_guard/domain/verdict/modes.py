"""Modes: whether a guard holds a step to its verdict. How to adopt it without stopping anybody on the first day."""

from __future__ import annotations

from enum import StrEnum


class Mode(StrEnum):
    """What follows from a verdict that stops.

    The verdict, its findings and its record are the same in every mode.

    - ``OBSERVE``: the step runs; its log, metadata and check say what would have happened; nobody is paged.
    - ``WARN``: the step runs; its owners are alerted as for a block.
    - ``ENFORCE``: the step does not run.

    Example:
        >>> Mode.OBSERVE.strictness < Mode.WARN.strictness < Mode.ENFORCE.strictness
        True
    """

    OBSERVE = "observe"
    WARN = "warn"
    ENFORCE = "enforce"

    @property
    def strictness(self) -> int:
        """Greater is stricter."""
        return list(Mode).index(self)


def strictest(modes: list[Mode]) -> Mode:
    """The strictest of some modes; ENFORCE of none, because silence is not permission.

    Example:
        >>> strictest([]).value, strictest([Mode.OBSERVE, Mode.WARN]).value
        ('enforce', 'warn')
    """
    return max(modes, key=lambda m: m.strictness, default=Mode.ENFORCE)
