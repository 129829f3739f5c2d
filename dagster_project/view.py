"""``make view``: the path view over the ledger that ``make demo`` has filled."""

from __future__ import annotations

import os
import sys

from dagster_project.demo.execute import DAGSTER_HOME


def main() -> None:
    """Replace this process by ``lineage-guard serve``."""
    if not DAGSTER_HOME.exists():
        sys.exit("There is nothing to look at yet: run `make demo` first.")
    os.environ["DAGSTER_HOME"] = str(DAGSTER_HOME)
    os.execv(sys.executable, [sys.executable, "-m", "lineage_guard.cli", "serve", *sys.argv[1:]])


if __name__ == "__main__":
    main()
