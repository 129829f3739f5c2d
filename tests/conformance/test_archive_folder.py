from pathlib import Path

import pytest

from lineage_guard.ledger.archive.archive import Archive, open_archive
from lineage_guard.ledger.archive.testing import ArchiveConformance


class TestFolderArchive(ArchiveConformance):
    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> None:
        self.place = tmp_path / "ledger"

    def reopen(self) -> Archive:
        return open_archive(self.place)
