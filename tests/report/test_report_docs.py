"""docs/report.md: its commands and its code do what the page says."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from lineage_guard.cli import cli
from lineage_guard.report.signing import PASSWORD_VARIABLE, PREDICATE_TYPE, SUFFIX

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "report.md"
COMMAND = re.compile(r"^ {4}((?:lineage-guard report|openssl) .*)$", re.MULTILINE)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the page makes its key with openssl")
def test_the_page_does_what_it_says(place, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LINEAGE_GUARD_LEDGER", str(place))
    commands = COMMAND.findall(PAGE.read_text("utf-8"))
    assert len(commands) == 9
    for command in commands:
        program, *words = shlex.split(command)
        if program == "openssl":
            subprocess.run([program, *words], check=True, capture_output=True)
        else:
            result = CliRunner().invoke(cli, words)
            assert result.exit_code == 0, (command, result.output)
    written = {p.name for p in tmp_path.iterdir()}
    assert written >= {"student.html", "student.json", "student.cdx.json", "student.spdx.json", "march.json"}
    assert f"student.json{SUFFIX}" in written
    [code] = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    scope: dict[str, object] = {}
    exec(compile(code, "report.md", "exec"), scope)
    assert scope["duties"]
    assert "synthetic" in scope["unlicensed"]


def test_the_page_names_what_there_is() -> None:
    text = PAGE.read_text("utf-8")
    for each in (PASSWORD_VARIABLE, PREDICATE_TYPE, SUFFIX):
        assert each in text
    assert (ROOT / "lineage_guard/report/schemas/report.schema.json").is_file()
    for link in re.findall(r"\]\((?!https?://|#)([^)#]+)", text):
        assert PAGE.parent.joinpath(link).exists(), link
