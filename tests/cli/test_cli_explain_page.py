"""docs/explain.md, run as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import dagster as dg
from click.testing import CliRunner

from lineage_guard.cli import cli

PAGE = (Path(__file__).parents[2] / "docs" / "explain.md").read_text("utf-8")
RUN = re.compile(r"@[0-9a-f]{8}")


def test_the_page_says_what_the_commands_say(tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    for name in ("LINEAGE_GUARD_LEDGER", "LINEAGE_GUARD_CATALOG", "OPENLINEAGE_NAMESPACE", "OPENLINEAGE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    [code] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "deployment.py").write_text(code)
    scope: dict[str, object] = {"__name__": "deployment"}
    exec(compile(code, "deployment.py", "exec"), scope)
    defs = scope["defs"]
    assert isinstance(defs, dg.Definitions)
    with dg.DagsterInstance.get() as instance:
        assert defs.resolve_implicit_global_asset_job_def().execute_in_process(instance=instance).success
    assert CliRunner().invoke(cli, ["sync", "-f", "deployment.py"]).exit_code == 0
    # Those on public lineage are held by test_cli_public.py.
    outputs = re.findall(r"```text\n\$ lineage-guard (.*?)\n(.*?)```", PAGE, re.DOTALL)
    shown = [(command, lines) for command, lines in outputs if "--public" not in command]
    assert [command.split()[0] for command, _ in shown] == ["explain", "impact"]
    for command, lines in shown:
        result = CliRunner().invoke(cli, command.split())
        assert result.exit_code == 1, result.output
        said = [RUN.sub("@", line) for line in result.stdout.splitlines()]
        for line in lines.splitlines():
            assert RUN.sub("@", line) in said, line
