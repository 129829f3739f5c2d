"""Collection from PostgreSQL: the same answers, and ids that become visible out of order."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
from collect_world import LANGUAGES, World, derived, generated

from lineage_guard.domain.facts import Completeness
from lineage_guard.ledger import open_ledger


@pytest.fixture
def w(postgres_url: str, tmp_path: Path) -> Iterator[World]:
    overrides = {"storage": {"postgres": {"postgres_url": postgres_url}}}
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


def test_an_id_that_becomes_visible_late_is_collected(w: World, postgres_url: str) -> None:
    w.assets = [generated(w, "raw"), generated(w, "other"), derived(w, "out", lambda c, p: w.read("raw"), deps=["raw"])]
    w.run("other", other="slow-1")
    engine = sa.create_engine(postgres_url, poolclass=sa.pool.NullPool)
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
