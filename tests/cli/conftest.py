from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import dagster as dg
import pytest
from click.testing import CliRunner, Result

from lineage_guard.cli import cli

DEFINITIONS = Path(__file__).parent / "cli_deployment.py"


def load_deployment() -> ModuleType:
    spec = importlib.util.spec_from_file_location("cli_deployment", DEFINITIONS)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def home(tmp_path_factory) -> Iterator[Path]:
    """A real instance and ledger: everything but the training was materialised."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(folder))
        for name in list(os.environ):
            if name.startswith(("LINEAGE_GUARD_", "OPENLINEAGE_")):
                patch.delenv(name)
        module = load_deployment()
        upstream = [module.synthetic, module.curated, module.letters, module.mystery]
        with dg.DagsterInstance.get() as instance:
            assert dg.materialize(upstream, instance=instance).success
            assert dg.materialize([module.daily], instance=instance, partition_key="mon").success
        yield folder


@pytest.fixture
def run(home, tmp_path, monkeypatch) -> Callable[..., Result]:
    """Run a command in an empty folder; `-f` is added unless told otherwise."""
    monkeypatch.chdir(tmp_path)

    def invoke(*args: str, target: bool = True) -> Result:
        extra = ["-f", str(DEFINITIONS)] if target else []
        return CliRunner().invoke(cli, [*args, *extra])

    return invoke


@pytest.fixture
def run_json(run) -> Callable[..., tuple[int, dict]]:
    def invoke(*args: str, target: bool = True) -> tuple[int, dict]:
        result = run(*args, "--json", target=target)
        return result.exit_code, json.loads(result.stdout)

    return invoke
