"""Private names of Dagster that the guard relies on, and which of them have moved.

Read from the guard's own source, and looked up without importing the guard's Dagster code: that would end at
the first name that is gone.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib import import_module, metadata
from pathlib import Path

import lineage_guard
from lineage_guard.cli.doctor.patient import Patient
from lineage_guard.cli.doctor.result import Result, listed

_PRIVATE = ("dagster._", "dagster_shared", "dagster.components.definitions")


def private_names() -> list[tuple[str, str, str]]:
    """File, module and name of each import of something that is not public API of Dagster."""
    package = Path(lineage_guard.__file__).parent
    return [
        (path.relative_to(package).as_posix(), module, name)
        for path in sorted(package.rglob("*.py"))
        for module, name in _imports(ast.parse(path.read_text(encoding="utf-8")))
    ]


def examine(patient: Patient) -> list[Result]:
    """Whether each name is where it was."""
    names = private_names()
    moved = [f"{module}.{name} (for {where})" for where, module, name in names if not _there(module, name)]
    version = metadata.version("dagster")
    if not moved:
        return [Result("private names", "ok", f"all {len(names)} are where they were in dagster {version}")]
    fix = "install a version of lineage-guard that supports this Dagster, or go back to the Dagster before"
    return [Result("private names", "fail", f"dagster {version} has moved {listed(moved)}", fix)]


def _imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Imports, at any depth; those for type checkers only are left out."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith(_PRIVATE):
            yield from ((str(node.module), alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if alias.name.startswith(_PRIVATE))
        yield from _imports(node)


def _there(module: str, name: str) -> bool:
    try:
        found = import_module(module)
    except ImportError:
        return False
    return not name or hasattr(found, name)
