"""Where a ledger keeps its bytes: the few operations every backend must offer.

Everything the ledger promises (durable, no doubles, no torn reads, several hosts at once)
rests on one of them, ``put_if_absent``: it is atomic, durable before it returns, and of any
number of processes that race for one key exactly one wins.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable
from urllib.parse import unquote, urlsplit

from lineage_guard.domain.errors import LedgerError


class Archive(Protocol):
    """A durable map from keys (relative paths with ``/``) to bytes.

    ``lineage_guard.ledger.archive.testing`` holds the tests that any implementation must pass.
    Every operation raises ``LedgerError`` when the backend cannot do it, never anything else.
    """

    @property
    def location(self) -> str:
        """The place, as given to ``open_ledger``; error messages start with it."""
        ...

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Store ``data`` under a new key, whole and durable, or return ``False`` and change nothing."""
        ...

    def put(self, key: str, data: bytes) -> None:
        """Store ``data``, replacing what was there; readers see the old bytes or the new, never a mix."""
        ...

    def replace(self, key: str, old: bytes | None, new: bytes) -> bool:
        """Store ``new`` if the key still holds ``old`` (``None``: nothing), else return ``False`` and change nothing.

        Of any number of processes that replace the same ``old`` exactly one is told ``True``. A
        backend that cannot know whether its write got through may say ``False`` although it did.
        """
        ...

    def get(self, key: str, size: int | None = None) -> bytes | None:
        """The bytes of a key (the first ``size`` of them), or ``None`` when there is no such key."""
        ...

    def list(self, prefix: str, after: str = "") -> Iterator[str]:
        """Keys that start with ``prefix`` (which ends in ``/``) and sort after ``after``, sorted.

        A key stored while the listing runs may be missing from it; any other key is in it.
        The cost grows with what lies after ``after``, not with what lies before.
        """
        ...

    def delete(self, key: str) -> None:
        """Remove a key; nothing happens when it is not there."""
        ...

    def file(self, key: str, size: int) -> Path | None:
        """A local file with the bytes of an immutable key, for readers that map files.

        Args:
            key: a key that is written once and never replaced.
            size: how long it must be.

        Returns:
            The path, or ``None`` when there is no such key.
        """
        ...

    def describe(self, key: str) -> str:
        """The full path or URL of a key, for people."""
        ...

    def sweep(self) -> int:
        """Remove what writers that were killed long ago left half-done; how many pieces that was."""
        ...


@runtime_checkable
class Copying(Protocol):
    """What an archive offers besides when its ``file`` hands out local copies that it keeps."""

    def anew(self, folder: Path) -> Archive:
        """The same archive as somebody sees it who has no copies yet: they are fetched into another folder.

        Args:
            folder: an empty folder.
        """
        ...


def open_archive(location: str | Path) -> Archive:
    """The archive behind a path, a ``file://`` URL or an ``s3://bucket/prefix`` URL.

    Nothing is read, written or connected to yet.

    Raises:
        LedgerError: when the URL has a scheme that no backend serves.

    Example:
        >>> open_archive("/var/lib/lineage").location
        '/var/lib/lineage'
    """
    text = str(location)
    scheme = urlsplit(text).scheme if "://" in text else ""
    if scheme == "s3":
        from lineage_guard.ledger.archive.s3 import S3Archive

        return S3Archive(text)
    if scheme in ("", "file"):
        from lineage_guard.ledger.archive.folder import FolderArchive

        return FolderArchive(unquote(urlsplit(text).path) if scheme else text)
    raise LedgerError(
        f"no archive backend for {scheme}://",
        where=text,
        fix="give a folder, a file:// URL or an s3://bucket/prefix URL",
    )
