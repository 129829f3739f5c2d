"""The archive in a folder: a local disk, or a shared file system with hard links and locks.

Keys below ``log/`` are records of shared files (``segments``), where one sync is enough. Any other new
key is written to a file without a name (a temporary one where the file system has no such
thing), synced, and linked to its name: ``link`` fails when the name exists, so one writer wins,
and a reader that sees the name sees all the bytes.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

from lineage_guard.domain.errors import LedgerError
from lineage_guard.ledger.archive.disk import sync_folder
from lineage_guard.ledger.archive.segments import Segments

_TMP = ".tmp"
_LOG = "log/"
_STALE_AFTER_S = 24 * 3600.0
#: What a file system answers that has no files without a name (NFS, overlay, some FUSE).
_NO_UNNAMED = (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT)


class FolderArchive:
    """An ``Archive`` in a folder, safe for any number of processes and hosts.

    Args:
        root: the folder; made at the first write.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root).expanduser()
        self._place = str(self.root)
        self._made: set[Path] = set()
        self._unnamed = hasattr(os, "O_TMPFILE") and os.path.isdir("/proc/self/fd")
        self._log_made = False
        self._log = Segments(self.root / "log", self.root / _TMP / "log.lock")

    @property
    def location(self) -> str:
        """The folder."""
        return str(self.root)

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Store a new key; ``False`` when it exists."""
        try:
            if key.startswith(_LOG):
                self._make_log()
                return self._log.put(key, data)
            final = self.root / key
            self._make(final.parent)
            if final.exists():
                return False
            return self._link_unnamed(final, data) if self._unnamed else self._link_tmp(final, data)
        except OSError as e:
            raise self._error(e, "write", key) from e

    def replace(self, key: str, old: bytes | None, new: bytes) -> bool:
        """Store a key if it still holds ``old``, under a lock that dies with its process."""
        try:
            self._make(self.root / _TMP)
            if key.startswith(_LOG):
                self._make_log()
                return self._log.put(key, new, old=old, replace=True)
            with open(self.root / _TMP / f"{sha256(key.encode()).hexdigest()[:16]}.lock", "ab") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if self.get(key) != old:
                    return False
                self.put(key, new)
                return True
        except OSError as e:
            raise self._error(e, "write", key) from e

    def put(self, key: str, data: bytes) -> None:
        """Store a key, replacing it as a whole."""
        final = self.root / key
        try:
            if key.startswith(_LOG):
                self._make_log()
                self._log.overwrite(key, data)
                return
            self._make(final.parent)
            os.replace(self._write_tmp(data), final)
            sync_folder(final.parent)
        except OSError as e:
            raise self._error(e, "write", key) from e

    def get(self, key: str, size: int | None = None) -> bytes | None:
        """The bytes of a key, or the first few, or ``None``."""
        try:
            if key.startswith(_LOG):
                if not self._log.opened:
                    self._must_be_folder()
                return self._log.get(key, size)
            with open(self.root / key, "rb") as f:
                return f.read(-1 if size is None else size)
        except (FileNotFoundError, NotADirectoryError):
            self._must_be_folder()
            return None
        except OSError as e:
            raise self._error(e, "read", key) from e

    def list(self, prefix: str, after: str = "") -> Iterator[str]:
        """Sorted keys under a prefix, after a key; skips whole folders that sort before it."""
        if not self._log.opened:
            self._must_be_folder()
        if prefix.startswith(_LOG):
            try:
                yield from self._log.keys(prefix, after)
            except OSError as e:
                raise self._error(e, "list", prefix) from e
            return
        yield from self._walk(prefix, after)

    def _walk(self, prefix: str, after: str) -> Iterator[str]:
        try:
            with os.scandir(f"{self._place}/{prefix}") as entries:
                found = [(f"{prefix}{e.name}/" if e.is_dir() else f"{prefix}{e.name}") for e in entries]
        except FileNotFoundError:
            return
        except OSError as e:
            raise self._error(e, "list", prefix) from e
        for key in sorted(found):
            if key.endswith("/"):
                if key > after or after.startswith(key):
                    yield from self._walk(key, after)
            elif key > after:
                yield key

    def delete(self, key: str) -> None:
        """Remove a key if it is there."""
        try:
            if key.startswith(_LOG):
                self._log.delete(key)
                return
            (self.root / key).unlink(missing_ok=True)
        except OSError as e:
            raise self._error(e, "delete", key) from e

    def file(self, key: str, size: int) -> Path | None:
        """The file itself; its length is checked."""
        path = self.root / key
        try:
            found = path.stat().st_size
        except FileNotFoundError:
            return None
        except OSError as e:
            raise self._error(e, "read", key) from e
        if found != size:
            raise LedgerError(
                f"file is {found} bytes long, {size} were written",
                where=str(path),
                fix="restore it from a backup, or delete the folder 'index' beside it: it is rebuilt from the archive",
            )
        return path

    def describe(self, key: str) -> str:
        """The path of a key."""
        return self._log.where(key) if key.startswith(_LOG) else str(self.root / key)

    def sweep(self) -> int:
        """Delete temporary files that writers killed a day or more ago left behind."""
        swept = 0
        with suppress(FileNotFoundError), os.scandir(self.root / _TMP) as entries:
            for entry in entries:
                with suppress(OSError):
                    if entry.name.endswith(".lock"):
                        continue  # deleting one would let two processes hold it
                    if time.time() - entry.stat().st_mtime > _STALE_AFTER_S:
                        os.unlink(entry.path)
                        swept += 1
        return swept

    def _make_log(self) -> None:
        if not self._log_made:
            self._make(self.root / _TMP)
            self._make(self.root / "log")
            self._log_made = True

    def _link_unnamed(self, final: Path, data: bytes) -> bool:
        """Write a file without a name, then name it: two operations fewer than by a temporary name."""
        folder = os.open(final.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            try:
                fd = os.open(".", os.O_TMPFILE | os.O_WRONLY, 0o666, dir_fd=folder)
            except OSError as e:
                if e.errno not in _NO_UNNAMED:
                    raise
                self._unnamed = False
                return self._link_tmp(final, data)
            with open(fd, "wb") as f:
                f.write(data)
                f.flush()
                os.fsync(fd)
                try:
                    # Through /proc, as linkat(2) says; ``dst_dir_fd`` makes Python follow that link.
                    os.link(f"/proc/self/fd/{fd}", final.name, dst_dir_fd=folder, follow_symlinks=True)
                except FileExistsError:
                    return False
            os.fsync(folder)
        finally:
            os.close(folder)
        return True

    def _link_tmp(self, final: Path, data: bytes) -> bool:
        tmp = self._write_tmp(data)
        try:
            os.link(tmp, final)
        except FileExistsError:
            return False
        finally:
            with suppress(OSError):
                os.unlink(tmp)
        sync_folder(final.parent)
        return True

    def _write_tmp(self, data: bytes) -> Path:
        tmp = self.root / _TMP / uuid4().hex
        self._make(tmp.parent)
        try:
            with open(tmp, "xb") as f:
                f.write(data)
                f.flush()
                os.fsync(f.fileno())
        except OSError:
            with suppress(OSError):
                os.unlink(tmp)
            raise
        return tmp

    def _make(self, folder: Path) -> None:
        """Make a folder durable, and once per process its older sibling's contents too.

        A batch opens a new folder only after every batch in the folder before was linked,
        perhaps by a process that has not synced that folder yet: sync it, so that a power cut
        cannot keep the later batch and lose the earlier one.
        """
        if folder in self._made:
            return
        missing = [p for p in (folder, *folder.parents) if not p.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        for path in missing:
            sync_folder(path.parent)
        if folder != self.root and folder.parent != self.root:
            for sibling in sorted(p for p in folder.parent.iterdir() if p.is_dir() and p < folder)[-1:]:
                sync_folder(sibling)
        self._made.add(folder)

    def _must_be_folder(self) -> None:
        if self.root.exists() and not self.root.is_dir():
            raise LedgerError(
                "not a folder", where=str(self.root), fix="give a folder, or remove the file in its place"
            )

    def _error(self, e: OSError, verb: str, key: str) -> LedgerError:
        fixes = {
            errno.ENOSPC: "free some disk space; nothing half-written is kept",
            errno.EDQUOT: "free some disk quota; nothing half-written is kept",
            errno.EROFS: "mount the file system read-write",
            errno.EACCES: "give this user the right to read and write the folder",
            errno.EPERM: "give this user the right to write the folder, on a file system with hard links",
            errno.EOPNOTSUPP: "put the ledger on a file system with hard links, or on s3://",
            errno.ENOTDIR: "give a folder, or remove the file in its place",
        }
        fix = fixes.get(e.errno or 0, "mend the file system, then try again; nothing half-written is kept")
        return LedgerError(f"cannot {verb}: {e.strerror or e}", where=self.describe(key), fix=fix)
