"""A PostgreSQL server of our own, for the tests that need Dagster's history in one, and for benchmarks."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def _binary(name: str) -> str | None:
    places = [str(p) for p in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    return shutil.which(name, path=os.pathsep.join([*places, os.environ.get("PATH", "")]))


def installed() -> bool:
    """Whether there is a PostgreSQL to start."""
    return bool(_binary("initdb") and _binary("postgres"))


@contextmanager
def server(*settings: str) -> Iterator[str]:
    """A server on a free port, as a URL; PostgreSQL refuses to run as root, so root lends it to ``nobody``.

    SQLAlchemy 2.1 reads ``postgresql://`` as psycopg 3; dagster-postgres brings psycopg2.

    Args:
        settings: ``name=value``, as in ``postgresql.conf``.
    """
    initdb, binary = _binary("initdb"), _binary("postgres")
    if not (initdb and binary):
        raise FileNotFoundError("PostgreSQL is not installed: apt-get install postgresql")
    user = "nobody" if os.getuid() == 0 else None
    home = tempfile.mkdtemp(prefix="lgpg")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    try:
        if user:
            shutil.chown(home, user)
        data = f"{home}/data"
        options = ["-A", "trust", "-U", "dagster", "--no-sync", "-E", "UTF8"]
        subprocess.run([initdb, "-D", data, *options], user=user, cwd=home, check=True, capture_output=True)
        command = [binary, "-D", data, "-p", str(port), "-k", home, "-h", "127.0.0.1", "-F"]
        command += [word for setting in settings for word in ("-c", setting)]
        with open(f"{home}/log", "w+") as log, subprocess.Popen(command, user=user, cwd=home, stderr=log) as process:
            try:
                while "ready to accept connections" not in Path(log.name).read_text():
                    if process.poll() is not None:
                        raise RuntimeError(Path(log.name).read_text())
                    time.sleep(0.05)
                yield f"postgresql+psycopg2://dagster@127.0.0.1:{port}/postgres"
            finally:
                # Fast shutdown: what is still connected is cut off.
                process.send_signal(signal.SIGINT)
    finally:
        shutil.rmtree(home, ignore_errors=True)
