"""Which room may import what: docs/architecture.md, held by import-linter and by reading the source."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import lineage_guard

ROOT = Path(lineage_guard.__file__).parents[1]
PACKAGE = ROOT / "lineage_guard"


def lint(config: Path) -> subprocess.CompletedProcess[str]:
    program = "import sys; from importlinter.cli import lint_imports_command as c; c()"
    return subprocess.run(
        [sys.executable, "-c", program, "--config", str(config), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
    )


def imports_of(path: Path) -> Iterator[str]:
    """Every module a file imports, at any depth, relative imports excluded (there are none)."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} uses a relative import"
            yield str(node.module)


def test_every_contract_is_kept() -> None:
    done = lint(ROOT / "pyproject.toml")
    assert done.returncode == 0, done.stdout
    assert "13 kept, 0 broken" in done.stdout


def test_the_linter_would_see_a_breach(tmp_path: Path) -> None:
    config = tmp_path / "breach.toml"
    config.write_text(
        """
        [tool.importlinter]
        root_packages = ["lineage_guard"]
        include_external_packages = true
        [[tool.importlinter.contracts]]
        name = "not so"
        type = "forbidden"
        source_modules = ["lineage_guard.gx"]
        forbidden_modules = ["great_expectations"]
        """
    )
    done = lint(config)
    assert done.returncode != 0
    assert "not so BROKEN" in done.stdout


def test_the_domain_imports_the_standard_library_and_license_expression_only() -> None:
    allowed = sys.stdlib_module_names | {"license_expression"}
    for path in sorted((PACKAGE / "domain").rglob("*.py")):
        for module in imports_of(path):
            assert module.split(".")[0] in allowed or module.startswith("lineage_guard.domain"), f"{path}: {module}"


def test_heavy_modules_are_only_imported_inside_functions() -> None:
    heavy = {"great_expectations", "boto3", "botocore", "pandas", "pyspark"}
    for path in sorted(PACKAGE.rglob("*.py")):
        ours = PACKAGE / "gx" / "expectations"
        if path.name in ("s3.py", "sns.py") or ours in path.parents:
            continue
        # Classes of Great Expectations are made where it is imported; only a running suite imports those.
        for module in imports_of(path):
            assert not module.startswith("lineage_guard.gx.expectations"), f"{path}: {module}"
        for node in ast.parse(path.read_text()).body:
            names = (
                [a.name for a in node.names]
                if isinstance(node, ast.Import)
                else [str(node.module)]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            assert not heavy & {n.split(".")[0] for n in names}, f"{path}: {names}"


def test_the_gate_does_not_import_what_watches_afterwards() -> None:
    for path in sorted((PACKAGE / "dagster" / "gate").glob("*.py")):
        for module in imports_of(path):
            assert not module.startswith("lineage_guard.dagster.sensor"), f"{path}: {module}"


def test_no_module_is_too_long() -> None:
    lengths = {p.relative_to(PACKAGE).as_posix(): len(p.read_text().splitlines()) for p in PACKAGE.rglob("*.py")}
    assert {name for name, length in lengths.items() if length > 400} == set()
