"""The S3 backend against moto's server: the S3 API over real HTTP on a free local port."""

import pytest

from lineage_guard.ledger.archive.archive import Archive, open_archive
from lineage_guard.ledger.archive.testing import ArchiveConformance


class TestS3Archive(ArchiveConformance):
    @pytest.fixture(autouse=True)
    def _place(self, s3: str) -> None:
        self.place = s3

    def reopen(self) -> Archive:
        return open_archive(self.place)
