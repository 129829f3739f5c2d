from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from report_ledger import fill, report_on

from lineage_guard.ledger import Ledger, open_ledger
from lineage_guard.report.contents import Report


@pytest.fixture(scope="session")
def place(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("report") / "ledger"
    fill(folder)
    return folder


@pytest.fixture(scope="session")
def ledger(place) -> Ledger:
    """Read only: who writes takes ``own``."""
    return open_ledger(place)


@pytest.fixture
def own(place, tmp_path) -> Path:
    """A copy to write to."""
    return Path(shutil.copytree(place, tmp_path / "ledger"))


@pytest.fixture(scope="session")
def report(ledger) -> Report:
    return report_on(ledger)
