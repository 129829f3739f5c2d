"""Collection from PostgreSQL: the same answers, and ids that become visible out of order."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
from collect_world import World, derived, generated

from lineage_guard.domain.facts import Completeness
from lineage_guard.ledger import open_ledger

LANGUAGES = dg.StaticPartitionsDefinition(["en", "de"])


def _binary(name: str) -> str | None:
    places = [str(p) for p in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    return shutil.which(name, path=os.pathsep.join([*places, os.environ.get("PATH", "")]))


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server of our own on a free port; PostgreSQL refuses to run as root, so root lends it to ``nobody``."""
    initdb, server = _binary("initdb"), _binary("postgres")
    if not (initdb and server):
        pytest.skip("PostgreSQL is not installed")
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
        command = [server, "-D", data, "-p", str(port), "-k", home, "-h", "127.0.0.1", "-F"]
        with subprocess.Popen(command, user=user, cwd=home, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            for line in process.stderr:
                if "ready to accept connections" in line:
                    break
            yield f"postgresql+psycopg2://dagster@127.0.0.1:{port}/postgres"
            process.terminate()
            process.stderr.read()
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def w(url: str, tmp_path: Path) -> Iterator[World]:
    overrides = {"storage": {"postgres": {"postgres_url": url}}}
    with dg.DagsterInstance.local_temp(str(tmp_path), overrides=overrides) as instance:
        yield World(instance, open_ledger(tmp_path / "ledger"))
        instance.event_log_storage.wipe()


def test_versions_per_partition(w: World) -> None:
    w.assets = [
        generated(w, "synth", partitions_def=LANGUAGES),
        derived(w, "clean", lambda c, p: w.all_of("synth"), deps=["synth"]),
        derived(w, "train", lambda c, p: w.read("clean"), deps=["clean"]),
    ]
    w.run("synth", partition="en", synth="gpt-4o")
    w.run("synth", partition="de", synth="llama-3")
    w.run("clean")
    w.run("synth", partition="en", synth="qwen-2")
    w.run("train")
    assert w.collect().records == 5
    assert w.reached("train") == {"gpt-4o", "llama-3"} == w.data["train", None]
    assert w.exact("train")
    assert w.collect().appended == 0


def test_an_id_that_becomes_visible_late_is_collected(w: World, url: str) -> None:
    w.assets = [generated(w, "raw"), generated(w, "other"), derived(w, "out", lambda c, p: w.read("raw"), deps=["raw"])]
    w.run("other", other="slow-1")
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    with engine.connect() as slow, slow.begin():
        columns = "run_id, event, dagster_event_type, timestamp, step_key, asset_key, partition"
        late = slow.execute(
            sa.text(
                f"INSERT INTO event_logs ({columns}) SELECT {columns} FROM event_logs "
                "WHERE dagster_event_type = 'ASSET_MATERIALIZATION' ORDER BY id LIMIT 1 RETURNING id"
            )
        ).scalar_one()
        w.run("raw", "out", raw="gpt-4o")
        before = w.collect()
        assert before.position > late
        assert before.records == 3
    after = w.collect()
    assert (after.records, after.position) == (1, before.position)


@pytest.mark.parametrize("made_again", [True, False])
def test_wiped_upstream_leaves_a_gap(w: World, made_again: bool) -> None:
    """On PostgreSQL a wipe hides rows from queries by asset and leaves them in place."""
    w.assets = [
        generated(w, "synth", partitions_def=LANGUAGES),
        derived(w, "out", lambda c, p: w.all_of("synth"), deps=["synth"]),
    ]
    w.run("synth", partition="en", synth="gpt-4o")
    w.run("synth", partition="de", synth="llama-3")
    w.run("out")
    w.instance.wipe_assets([dg.AssetKey("synth")])
    if made_again:
        w.run("synth", partition="en", synth="qwen-2")
    w.collect()
    assert w.reached("out") >= {"llama-3"}
    assert w.production("out").completeness is Completeness.UNKNOWN
    assert "wiped" in str(w.production("out").note)
