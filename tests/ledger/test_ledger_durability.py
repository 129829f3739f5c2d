"""Many processes at once, and processes that die: nothing acknowledged is lost, nothing is doubled."""

import contextlib
import multiprocessing
import os
import random
import shutil
from datetime import timedelta
from multiprocessing.context import ForkServerContext
from pathlib import Path

import histories
import ledger_workers as workers
import pytest

from lineage_guard.domain.facts import Input, Production, Version
from lineage_guard.ledger import Ledger, open_ledger
from lineage_guard.ledger.verify import verify

KILLS = int(os.environ.get("LINEAGE_GUARD_KILLS", "20"))


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Real processes; the server has imported what they need, so that starting one is quick."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["ledger_workers", "lineage_guard.ledger.index.compact", "pyarrow.parquet", "duckdb"]
    )
    return context


def numbers(ledger: Ledger) -> list[int]:
    """The events that are in a ledger, as ``histories.simple`` numbered them."""
    return [int(e["outputs"][0]["name"].removeprefix("table")) for _, e in ledger.events()]


def assert_sound(place: Path, expected: list[int]) -> None:
    ledger = open_ledger(place)
    assert sorted(numbers(ledger)) == expected
    assert ledger.check(full=True).events == len(expected)
    assert set(ledger.productions(workers.version_of(n) for n in expected)) == {workers.version_of(n) for n in expected}
    assert ledger.position("dagster:test") == max(expected, default=-1)


def test_processes_that_append_at_once_lose_and_double_nothing(tmp_path: Path) -> None:
    place = tmp_path / "ledger"
    spawn = multiprocessing.get_context("spawn")
    # Neighbours overlap by half: the same event arrives from two processes.
    shares = [list(range(start, start + 80)) for start in range(0, 160, 40)]
    jobs = [spawn.Process(daemon=True, target=workers.append_all, args=(str(place), share, 5)) for share in shares]
    jobs.append(spawn.Process(daemon=True, target=workers.compact_until, args=(str(place), 200)))
    jobs.append(spawn.Process(daemon=True, target=workers.read_until, args=(str(place), 200, str(tmp_path / "reader"))))
    for job in jobs:
        job.start()
    for job in jobs:
        job.join(120)
        assert job.exitcode == 0
    assert (tmp_path / "reader").read_text() == "ok"
    assert_sound(place, list(range(200)))


def test_killed_processes_lose_and_double_nothing(tmp_path: Path, processes: ForkServerContext) -> None:
    """One process appends and one compacts; both are killed at a random moment, many times over."""
    place, rng = tmp_path / "ledger", random.Random(7)
    acknowledged: list[int] = []
    for _ in range(KILLS):
        first = max(numbers(open_ledger(place)), default=-1) + 1
        read, write = processes.Pipe(duplex=False)
        jobs = [
            processes.Process(daemon=True, target=workers.append_forever, args=(str(place), first, write)),
            processes.Process(daemon=True, target=workers.compact_forever, args=(str(place),)),
        ]
        for job in jobs:
            job.start()
        write.close()
        for _ in range(rng.randint(1, 12)):
            assert read.poll(60), "the appending process died by itself"
            acknowledged.append(read.recv())
        for _ in range(rng.randint(0, 20_000)):  # so that the kill does not always follow an acknowledgement
            pass
        for job in jobs:
            job.kill()
        for job in jobs:
            job.join()
        with contextlib.suppress(EOFError):
            while True:
                acknowledged.append(read.recv())
        found = numbers(open_ledger(place))
        assert len(found) == len(set(found))
        assert set(acknowledged) <= set(found)
    assert_sound(place, sorted(numbers(open_ledger(place))))


def test_a_process_killed_before_any_change_to_the_disk_leaves_a_sound_ledger(
    tmp_path: Path, processes: ForkServerContext
) -> None:
    """Killed before its first disk operation, before its second, and so on through append and compaction."""
    start = tmp_path / "start"
    before = open_ledger(start)
    before.append([histories.simple(n) for n in range(4)])
    before.compact()
    before.append([histories.simple(n) for n in range(4, 6)])
    call, finished = 0, False
    while not finished:
        place = tmp_path / f"ledger{call}"
        shutil.copytree(start, place)
        read, write = processes.Pipe(duplex=False)
        job = processes.Process(daemon=True, target=workers.die_at, args=(call, str(place), [6, 7, 8], write))
        job.start()
        write.close()
        job.join(60)
        said: list[str] = []
        with contextlib.suppress(EOFError):
            while True:
                said.append(read.recv())
        found = numbers(open_ledger(place))
        assert found in ([0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5, 6, 7, 8])
        assert "appended" not in said or len(found) == 9
        assert_sound(place, found)
        again = open_ledger(place)
        again.append([histories.simple(n) for n in range(9)])
        assert again.compact()
        assert_sound(place, list(range(9)))
        finished = "compacted" in said
        shutil.rmtree(place)
        # An append is about ten operations; of the many of a compaction every ninth will do, unless asked for all.
        call += 1 if call < 10 or KILLS >= 200 else 9
    assert call > 20


def test_a_process_killed_while_pruning_leaves_what_lives(tmp_path: Path, processes: ForkServerContext) -> None:
    """Killed before its first disk operation, its second, and so on: live closures stay, the next prune finishes."""
    start = tmp_path / "start"
    # A source that was made again and again, and tables made from early versions of it.
    made: list[Production] = []
    for n in range(30):
        version = Version("default", f"made{n}" if n % 10 == 9 else "source", None, histories.run_uuid(n))
        inputs = (Input(made[n // 2].outputs[0]),) if n % 10 == 9 else ()
        made.append(Production((version,), inputs=inputs, produced_at=histories.START + timedelta(seconds=n)))
    later = histories.START + timedelta(days=400)
    before = open_ledger(start, lambda: histories.START)
    for event in histories.history(made):
        before.append([event])
    before.compact()
    live = [v for name in sorted({p.outputs[0].name for p in made}) for v in before.latest("default", name)]
    wanted = [Production((Version("d", "s"),), inputs=(Input(v),)) for v in live]
    expected = [before.closure(t).reached for t in wanted]
    dropped = before.prune(later).events
    assert dropped > 0
    call, finished = 0, False
    while not finished:
        place = tmp_path / f"ledger{call}"
        shutil.copytree(start, place)
        read, write = processes.Pipe(duplex=False)
        job = processes.Process(daemon=True, target=workers.die_pruning, args=(call, str(place), later, write))
        job.start()
        write.close()
        job.join(60)
        finished = False
        with contextlib.suppress(EOFError):
            finished = read.recv() == "pruned"
        for ledger in (open_ledger(place), open_ledger(place)):
            assert verify(ledger.archive).findings == ()
            assert [ledger.closure(t).reached for t in wanted] == expected
            ledger.prune(later, dry_run=False)
            assert ledger.prune(later).gone == dropped
        shutil.rmtree(place)
        call += 1 if KILLS >= 200 else 13


def test_a_write_that_the_disk_refuses_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    place = tmp_path / "ledger"
    open_ledger(place).append([histories.simple(0)])
    job = multiprocessing.get_context("spawn").Process(
        daemon=True, target=workers.append_on_a_full_disk, args=(str(place), str(tmp_path / "said"))
    )
    job.start()
    job.join(60)
    assert "cannot write: File too large" in (tmp_path / "said").read_text()
    assert_sound(place, [0])


def test_rebuilt_index_gives_the_same_answers(tmp_path: Path) -> None:
    made = histories.layered(60)
    events = histories.history(made)
    ledger = open_ledger(tmp_path)
    for start in range(0, 60, 5):
        ledger.append(events[start : start + 10])
        if start % 15 == 0:
            ledger.compact()

    def answers(ledger: Ledger) -> list[object]:
        targets = [Production((Version("d", "s"),), inputs=(Input(p.outputs[0]),)) for p in made[::4]]
        return [
            [ledger.closure(t) for t in targets],
            ledger.productions(p.outputs[0] for p in made),
            [ledger.latest("default", f"table{n}") for n in range(20)],
            ledger.position("dagster:test"),
            ledger.watermark(),
        ]

    before = answers(ledger)
    shutil.rmtree(tmp_path / "index")
    assert answers(open_ledger(tmp_path)) == before
    rebuilt = open_ledger(tmp_path)
    assert rebuilt.compact()
    assert rebuilt.check().tail == 0
    assert answers(rebuilt) == before
