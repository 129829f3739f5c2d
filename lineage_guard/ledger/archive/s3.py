"""The archive in an S3 bucket, or in anything that speaks S3's conditional writes.

``PutObject`` with ``If-None-Match: *`` lets one of several writers win a key, and ``If-Match``
replaces a small state only as it was read (supported by Amazon S3 since August and November 2024:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html). Endpoint, region
and credentials come from where boto3 always finds them, e.g. ``AWS_ENDPOINT_URL_S3``.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit
from uuid import uuid4

from lineage_guard.domain.errors import LedgerError

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_UNUSED_FOR_S = 7 * 24 * 3600.0
_CONFLICTS = 5
#: A gate waits for this: a dead endpoint is reported in seconds, a busy one is asked again.
_CONNECT_S, _ANSWER_S, _ATTEMPTS = 5.0, 30.0, 5


class S3Archive:
    """An ``Archive`` under a prefix of a bucket, for any number of hosts.

    Args:
        url: ``s3://bucket/prefix``.
        cache: folder for local copies of index files; a folder of the user's cache when ``None``.
        client: an S3 client; made on first use when ``None``.
    """

    def __init__(self, url: str, cache: Path | None = None, client: S3Client | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme != "s3" or not parts.netloc:
            raise LedgerError("not an S3 URL", where=url, fix="write s3://bucket/prefix")
        self._url = url.rstrip("/")
        self._bucket = parts.netloc
        self._prefix = parts.path.strip("/") + "/" if parts.path.strip("/") else ""
        self._cache = (cache or _user_cache()) / sha256(self._url.encode()).hexdigest()[:16]
        self._client = client
        self._lock = threading.Lock()

    @property
    def location(self) -> str:
        """The URL."""
        return self._url

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Store a new key; ``False`` when it exists."""
        return self._put_on(key, data, IfNoneMatch="*")

    def replace(self, key: str, old: bytes | None, new: bytes) -> bool:
        """Store a key if it still holds ``old``: by its ETag (``If-Match``)."""
        if old is None:
            return self._put_on(key, new, IfNoneMatch="*")
        s3 = self._s3()
        try:
            found = s3.get_object(Bucket=self._bucket, Key=self._prefix + key)
            data, tag = found["Body"].read(), found["ETag"]
        except s3.exceptions.NoSuchKey:
            return False
        except Exception as e:
            raise self._error(e, "read", key) from e
        return data == old and self._put_on(key, new, IfMatch=tag)

    def _put_on(self, key: str, data: bytes, **condition: str) -> bool:
        """``PutObject`` on a condition; ``False`` when it does not hold."""
        s3 = self._s3()
        put = cast("Any", s3).put_object
        for attempt in range(_CONFLICTS):
            try:
                put(Bucket=self._bucket, Key=self._prefix + key, Body=data, **condition)
            except s3.exceptions.ClientError as e:
                code = e.response.get("Error", {}).get("Code", "")
                if code in ("PreconditionFailed", "412"):
                    return False
                if code in ("NoSuchKey", "404") and "IfMatch" in condition:
                    return False
                # Another conditional write of the key is under way: S3 asks to try again.
                if code in ("ConditionalRequestConflict", "409") and attempt < _CONFLICTS - 1:
                    time.sleep(0.05 * 2**attempt)
                    continue
                raise self._error(e, "write", key) from e
            except Exception as e:
                raise self._error(e, "write", key) from e
            return True
        raise LedgerError("conditional writes keep colliding", where=self.describe(key), fix="try again")

    def put(self, key: str, data: bytes) -> None:
        """Store a key, replacing it as a whole."""
        try:
            self._s3().put_object(Bucket=self._bucket, Key=self._prefix + key, Body=data)
        except Exception as e:
            raise self._error(e, "write", key) from e

    def get(self, key: str, size: int | None = None) -> bytes | None:
        """The bytes of a key, or the first few, or ``None``."""
        s3 = self._s3()
        try:
            return s3.get_object(Bucket=self._bucket, Key=self._prefix + key)["Body"].read(size)
        except s3.exceptions.NoSuchKey:
            return None
        except Exception as e:
            raise self._error(e, "read", key) from e

    def list(self, prefix: str, after: str = "") -> Iterator[str]:
        """Sorted keys under a prefix, after a key: one request per thousand."""
        try:
            pages = (
                self._s3()
                .get_paginator("list_objects_v2")
                .paginate(
                    Bucket=self._bucket,
                    Prefix=self._prefix + prefix,
                    StartAfter=self._prefix + after if after else "",
                )
            )
            for page in pages:
                for item in page.get("Contents", []):
                    yield item.get("Key", "").removeprefix(self._prefix)
        except Exception as e:
            raise self._error(e, "list", prefix) from e

    def delete(self, key: str) -> None:
        """Remove a key if it is there."""
        try:
            self._s3().delete_object(Bucket=self._bucket, Key=self._prefix + key)
        except Exception as e:
            raise self._error(e, "delete", key) from e

    def file(self, key: str, size: int) -> Path | None:
        """A copy in the local cache, fetched when it is not there."""
        path = self._cache / key.replace("/", "-")
        try:
            if path.exists() and path.stat().st_size == size:
                os.utime(path)
                return path
            data = self.get(key)
            if data is None:
                return None
            if len(data) != size:
                raise LedgerError(
                    f"object is {len(data)} bytes long, {size} were written",
                    where=self.describe(key),
                    fix="delete everything under 'index/': it is rebuilt from the archive",
                )
            self._cache.mkdir(parents=True, exist_ok=True)
            tmp = path.with_name(f".{uuid4().hex}")
            tmp.write_bytes(data)
            tmp.replace(path)
            self._forget_unused()
        except OSError as e:
            raise LedgerError(
                f"cannot keep a local copy of an index file: {e.strerror or e}",
                where=str(path),
                fix="make room there, or point XDG_CACHE_HOME elsewhere",
            ) from e
        return path

    def anew(self, folder: Path) -> S3Archive:
        """The same objects, with copies in another folder: what the bucket holds, and not what was fetched once."""
        return S3Archive(self._url, folder, self._client)

    def describe(self, key: str) -> str:
        """The URL of a key."""
        return f"{self._url}/{key}"

    def sweep(self) -> int:
        """Nothing to remove: a killed ``PutObject`` leaves nothing behind."""
        return 0

    def _forget_unused(self) -> None:
        now = time.time()
        for path in self._cache.iterdir():
            with suppress(OSError):  # another process may have been faster
                if now - path.stat().st_mtime > _UNUSED_FOR_S:
                    path.unlink()

    def _s3(self) -> S3Client:
        with self._lock:
            if self._client is None:
                import boto3 as untyped
                from botocore.config import Config

                boto3 = cast("Any", untyped)  # its stubs name every AWS service; S3Client says what is meant

                retries: Any = {"mode": "standard", "total_max_attempts": _ATTEMPTS}
                config = Config(connect_timeout=_CONNECT_S, read_timeout=_ANSWER_S, retries=retries)
                try:
                    self._client = boto3.client("s3", config=config)
                except Exception as e:
                    raise self._error(e, "connect to", "") from e
            return self._client

    def _error(self, e: Exception, verb: str, key: str) -> LedgerError:
        if isinstance(e, LedgerError):
            return e
        return LedgerError(
            f"cannot {verb}: {e}",
            where=self.describe(key),
            fix="check the bucket, the credentials (s3:GetObject, s3:PutObject, s3:ListBucket, s3:DeleteObject) "
            "and the network, then try again",
        )


def _user_cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME")
    if home:
        return Path(home) / "lineage-guard"
    with suppress(RuntimeError):
        return Path.home() / ".cache" / "lineage-guard"
    return Path(tempfile.gettempdir()) / "lineage-guard"
