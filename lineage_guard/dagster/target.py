"""Where definitions are, as somebody named it. Apart from ``locations``, which imports Dagster's own loaders."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """Where definitions are, as the options of ``dagster`` name them; all empty means "look here".

    Attributes:
        modules: ``-m``.
        files: ``-f``.
        workspaces: ``-w``.
        working_directory: ``-d``; the current one when ``None``.
    """

    modules: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    workspaces: tuple[str, ...] = ()
    working_directory: str | None = None
