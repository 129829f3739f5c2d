"""docs/monitoring.md holds what the code has. To write the table anew: WRITE_DOCS=1 pytest <this file>."""

from __future__ import annotations

import os
import re
from pathlib import Path

import yaml
from click.testing import CliRunner

from lineage_guard.cli import cli
from lineage_guard.health import METRICS
from lineage_guard.health.prometheus import name_of

PAGE = Path(__file__).parents[2] / "docs" / "monitoring.md"
BETWEEN = re.compile(r"(<!-- metrics:.*?-->\n)(.*?)(<!-- end of metrics -->)", re.DOTALL)


def table() -> str:
    lines = ["| Prometheus | OpenTelemetry | kind, unit | labels | what it says |", "|---|---|---|---|---|"]
    for m in METRICS:
        labels = ", ".join(f"`{label}`" for label in m.labels)
        lines.append(f"| `{name_of(m)}` | `{m.name}` | {m.kind}, `{m.unit}` | {labels} | {m.description} |")
    return "\n".join(lines) + "\n"


def test_the_table_of_metrics_is_the_code_s() -> None:
    page = PAGE.read_text("utf-8")
    if os.environ.get("WRITE_DOCS"):
        page = BETWEEN.sub(lambda m: m[1] + table() + m[3], page)
        PAGE.write_text(page, "utf-8")
    found = BETWEEN.search(page)
    assert found is not None
    assert found[2] == table()


def test_rules_speak_of_metrics_that_there_are() -> None:
    blocks = [yaml.safe_load(b) for b in re.findall(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)]
    [groups] = [b["groups"] for b in blocks if "groups" in b]
    offered = {name_of(m) for m in METRICS}
    for rule in groups[0]["rules"]:
        spoken = set(re.findall(r"lineage_guard_\w+", rule["expr"]))
        assert spoken
        assert {s.removesuffix("_bucket") for s in spoken} <= offered, rule["alert"]
    probes = {k: v["httpGet"]["path"] for b in blocks for k, v in b.items() if k.endswith("Probe")}
    assert probes == {"livenessProbe": "/healthz", "readinessProbe": "/readyz"}


def test_the_snippets_run_as_they_stand() -> None:
    for snippet in re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL):
        exec(compile(snippet, str(PAGE), "exec"), {})


def test_its_commands_and_options_exist() -> None:
    page = PAGE.read_text("utf-8")
    for command, option in re.findall(r"lineage-guard (metrics|health|serve) (--[a-z-]+)", page):
        assert option in CliRunner().invoke(cli, [command, "--help"]).output
