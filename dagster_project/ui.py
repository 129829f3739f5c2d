"""``make ui``: the deployment in the Dagster UI, on the home that ``make demo`` has filled."""

from __future__ import annotations

import os
import sys

from dagster_project.demo.execute import DAGSTER_HOME
from dagster_project.settings import HOME, ROOT


def main() -> None:
    """Replace this process by ``dagster dev -w workspace.yaml``."""
    if not DAGSTER_HOME.exists():
        sys.exit("There is nothing to look at yet: run `make demo` first.")
    os.environ.update(DAGSTER_HOME=str(DAGSTER_HOME), DEMO_HOME=str(HOME))
    os.chdir(ROOT)
    os.execv(sys.executable, [sys.executable, "-m", "dagster", "dev", "-w", "workspace.yaml", *sys.argv[1:]])


if __name__ == "__main__":
    main()
