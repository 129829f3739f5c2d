"""Commands that need an extra, where it is not installed."""

from __future__ import annotations

import sys

import pytest
from click.testing import CliRunner

from lineage_guard.cli import cli


@pytest.mark.parametrize(
    ("command", "module", "package", "otherwise"),
    [
        ("serve", None, "uvicorn", ""),
        ("receive", None, "uvicorn", ""),
        ("metrics", "lineage_guard.health.prometheus", "prometheus_client.core", ", or print --json"),
    ],
)
def test_a_command_names_the_extra_that_is_missing(command, module, package, otherwise, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    if module:
        monkeypatch.delitem(sys.modules, module, raising=False)
    result = CliRunner().invoke(cli, [command, "--ledger", str(tmp_path)])
    assert result.exit_code == 3
    assert result.stderr.strip() == (
        f"Error: lineage-guard {command} needs a package that is not installed: {package}. "
        f"To fix: pip install 'lineage-guard[web]'{otherwise}"
    )
