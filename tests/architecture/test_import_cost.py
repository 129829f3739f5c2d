"""Importing and guarding stay cheap: what must not be loaded is not, and nothing warns.

No timing here; ``bench/import_cost.py`` measures.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HEAVY = (
    "great_expectations",
    "boto3",
    "botocore",
    "duckdb",
    "httpx",
    "jsonschema",
    "numpy",
    "openlineage.client",
    "pandas",
    "pyarrow",
    "requests",
    "sqlalchemy",
)
#: What judges, collects and tells is needed by steps and ticks, not by a code location that loads.
JUDGING = (
    "lineage_guard.catalog",
    "lineage_guard.dagster.collect.collect",
    "lineage_guard.dagster.gate.gate",
    "lineage_guard.dagster.pins.resolve",
    "lineage_guard.domain.verdict.decide",
    "lineage_guard.domain.rules.policy",
    "lineage_guard.ledger",
)

PROJECT = """
import dagster as dg

import lineage_guard
from lineage_guard import ModelSource, declare, source, synthetic_asset, training


@dg.asset(metadata=source(human=True))
def human(): ...


@synthetic_asset(ModelSource("openai", "gpt-4o", channel="api.openai.com"), deps=[human])
def synthetic(): ...


@dg.asset(deps=[synthetic], tags=training(use="train_competing"))
def student(): ...


defs = lineage_guard.guard(dg.Definitions(assets=[human, synthetic, student]), ledger="/nowhere")
dg.Definitions.validate_loadable(defs)
"""


def loaded_by(code: str, *options: str, watched: tuple[str, ...] = HEAVY) -> set[str]:
    """Which of the watched modules a fresh interpreter holds after running code, beyond Dagster's own."""
    program = (
        "import sys, dagster\n"
        f"heavy = {watched!r}\n"
        "before = {m for m in heavy if m in sys.modules}\n"
        f"exec(compile({code!r}, 'deployment.py', 'exec'))\n"
        "print('LOADED', *sorted({m for m in heavy if m in sys.modules} - before))\n"
    )
    done = subprocess.run(
        [sys.executable, *options, "-c", program],
        capture_output=True,
        text=True,
        timeout=240,
        cwd=Path(__file__).parent,
    )
    assert done.returncode == 0, done.stderr
    [line] = [line for line in done.stdout.splitlines() if line.startswith("LOADED")]
    return set(line.split()[1:])


def test_importing_the_package_loads_nothing_at_all() -> None:
    program = "import sys; import lineage_guard; print(sorted(m for m in sys.modules if m.startswith('lineage_guard')))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=240, check=True)
    assert done.stdout.strip() == "['lineage_guard']"
    program = "import sys; import lineage_guard; print('dagster' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=240, check=True)
    assert done.stdout.strip() == "False"


def test_every_public_name_is_light() -> None:
    assert loaded_by("import lineage_guard\nfor n in lineage_guard.__all__: getattr(lineage_guard, n)") == set()


def test_loading_a_guarded_project_is_light_and_silent() -> None:
    assert loaded_by(PROJECT, "-W", "error") == set()


def test_loading_a_guarded_project_imports_nothing_that_judges() -> None:
    assert loaded_by(PROJECT, watched=JUDGING) == set()
