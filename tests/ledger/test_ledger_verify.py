"""``lineage-guard verify``: change the archive in every way, and it must say so."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import histories
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from records import Record

from lineage_guard.cli import cli
from lineage_guard.domain.errors import LedgerError
from lineage_guard.domain.facts import Production, Version
from lineage_guard.ledger import open_ledger
from lineage_guard.ledger.archive.batch import GENESIS, made
from lineage_guard.ledger.archive.log import Log
from lineage_guard.ledger.verify import verify


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Nine batches: 1 to 4 packed, 5 and 6 under the index, 7 to 9 in the tail."""
    ledger = open_ledger(tmp_path)
    for n in range(9):
        ledger.append([histories.simple(2 * n), histories.simple(2 * n + 1)])
        if n == 5:
            ledger.compact()
    Log(ledger.archive).pack(4, at_least=1)
    return tmp_path


def findings(place: Path, *expected: str) -> list[str]:
    return [f"{f.where}: {f.what}" for f in verify(open_ledger(place).archive, expected).findings]


def run(place: Path, *options: str) -> tuple[int, dict[str, object]]:
    from lineage_guard.cli.archiving import verify as command

    result = CliRunner().invoke(command, ["--ledger", str(place), "--json", *options], standalone_mode=False)
    return int(result.return_value or 0), json.loads(result.stdout)


def lines(place: Path, seq: int) -> list[bytes]:
    return Record(place, seq).read_bytes().splitlines(keepends=True)


def change(place: Path, seq: int) -> None:
    head, *events = lines(place, seq)
    Record(place, seq).write_bytes(head + b"".join(e.replace(b"table", b"tabel", 1) for e in events))


def drop(place: Path, seq: int) -> None:
    Record(place, seq).write_bytes(b"".join(lines(place, seq)[:-1]))


def insert(place: Path, seq: int) -> None:
    Record(place, seq).write_bytes(b"".join([*lines(place, seq), lines(place, 5)[1]]))


def swap(place: Path, seq: int) -> None:
    head, first, second = lines(place, seq)
    Record(place, seq).write_bytes(head + second + first)


def remove(place: Path, seq: int) -> None:
    Record(place, seq).unlink()


def blank(place: Path, seq: int) -> None:
    """As if retention had dropped another event than the one that was there."""
    head, first, _ = lines(place, seq)
    Record(place, seq).write_bytes(head + first + b"sha256:" + b"0" * 64 + b"\n")


def rewrite(place: Path, seq: int) -> None:
    """A batch that is sound in itself, with other events."""
    prev = Log(open_ledger(place).archive).chain_of(seq - 1)
    batch = open_ledger(place)
    line = json.dumps(histories.simple(77), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    forged = made(seq, prev, [line], [hashlib.sha256(line).digest()], "w", batch._clock())  # pyright: ignore
    Record(place, seq).write_bytes(forged.encoded())


def test_a_sound_ledger_verifies(place: Path) -> None:
    code, told = run(place)
    assert code == 0
    assert told["ok"] is True
    assert (told["batches"], told["events"], told["dropped"]) == (9, 18, 0)
    assert told["watermark"] == open_ledger(place).watermark()
    assert run(place, "--expect", str(told["watermark"]))[0] == 0


@pytest.mark.parametrize("damage", [change, drop, insert, swap, remove, blank, rewrite])
@pytest.mark.parametrize("seq", [5, 6, 8])
def test_whatever_is_done_to_a_batch_is_found(place: Path, seq: int, damage: Callable[[Path, int], None]) -> None:
    damage(place, seq)
    found = findings(place)
    # A forged batch is sound itself: it shows where the next batch follows another.
    assert any(f"{seq:012d}.jsonl" in f or f"{seq + 1:012d}.jsonl" in f for f in found), found
    assert run(place)[0] == 4


@pytest.mark.parametrize("damage", [change, drop, insert, blank])
def test_it_goes_on_behind_damage(place: Path, damage: Callable[[Path, int], None]) -> None:
    damage(place, 5)
    damage(place, 8)
    text = "\n".join(findings(place))
    assert f"{5:012d}.jsonl" in text
    assert f"{8:012d}.jsonl" in text


def test_the_last_batch_changed_is_found(place: Path) -> None:
    change(place, 9)
    assert findings(place)


def test_a_changed_pack_is_found(place: Path) -> None:
    (pack,) = (place / "packs").iterdir()
    data = bytearray(pack.read_bytes())
    data[len(data) // 2] ^= 1
    pack.write_bytes(data)
    assert any(pack.name in f for f in findings(place))
    pack.unlink()
    assert any("batch is missing" in f for f in findings(place))


def test_a_cut_log_is_found_by_its_index_and_by_what_was_kept_elsewhere(place: Path) -> None:
    mark = open_ledger(place).watermark()
    remove(place, 9)
    remove(place, 8)
    assert findings(place) == [], "nothing inside says that there was more"
    assert any("later batches were removed" in f for f in findings(place, mark))
    assert run(place, "--expect", mark)[0] == 4
    remove(place, 7)
    remove(place, 6)
    assert any("batch is missing" in f for f in findings(place)), "the index covered it"


def test_a_log_that_was_written_again_is_found_by_what_was_kept_elsewhere(place: Path) -> None:
    mark = open_ledger(place).watermark()
    rewrite(place, 9)
    assert findings(place) == []
    assert any("the log was written again" in f for f in findings(place, mark))


def test_a_verdict_names_a_state_of_this_log(place: Path) -> None:
    ledger = open_ledger(place)
    event = histories.simple(100)
    event["run"]["facets"]["lineageGuard_decision"] = {
        **decision(),
        "watermark": f"3:{GENESIS}",
    }
    ledger.append([event])
    assert any("the log was written again" in f for f in findings(place))


def test_a_changed_index_is_found(place: Path) -> None:
    part = next((place / "index" / "parts").glob("*-edges-*"))
    part.write_bytes(part.read_bytes()[:-1] + b"!")
    assert any(part.name in f for f in findings(place))
    part.unlink()
    assert any(part.name in f for f in findings(place))
    (manifest,) = (place / "index" / "manifests").iterdir()
    manifest.write_text("{")
    assert any(manifest.name in f for f in findings(place))


def forge(place: Path, name: str, alter: Callable[[pa.Table], pa.Table], generation: int = -1) -> None:
    """Change a table of the index as somebody would who wants nobody to see it: with its digest in the manifest."""
    path = sorted((place / "index" / "manifests").iterdir())[generation]
    manifest = json.loads(path.read_text())
    file = manifest["parts"][0]["files"][name]
    new = file["key"].replace(".parquet", "f.parquet")
    pq.write_table(alter(pq.read_table(place / file["key"])), place / new)
    data = (place / new).read_bytes()
    file.update(key=new, rows=pq.read_metadata(place / new).num_rows, bytes=len(data))
    file["sha256"] = hashlib.sha256(data).hexdigest()
    path.write_text(json.dumps(manifest))


def renamed(table: pa.Table) -> pa.Table:
    names = table["name"].to_pylist()
    return table.set_column(table.column_names.index("name"), "name", pa.array(["other", *names[1:]]))


@pytest.mark.parametrize(
    ("name", "alter"),
    [
        ("edges", lambda t: t.slice(1)),
        ("versions", renamed),
        ("productions", lambda t: pa.concat_tables([t, t.slice(0, 1)])),
        ("edges", lambda t: t.take(list(reversed(range(t.num_rows))))),
        ("edges", lambda t: t.drop_columns(["indirect"])),
    ],
    ids=["a row less", "another value", "a row twice", "out of order", "a column less"],
)
def test_an_index_that_was_changed_together_with_its_digest_is_found(
    place: Path, name: str, alter: Callable[[pa.Table], pa.Table]
) -> None:
    forge(place, name, alter)
    assert findings(place) == []
    code, told = run(place)
    [finding] = told["findings"]
    assert code == 4
    assert f"table {name} of the index" in finding["what"]
    assert "delete the folder 'index'" in finding["what"]
    assert run(place, "--log-only")[0] == 0
    shutil.rmtree(place / "index")
    assert run(place)[0] == 0


def test_an_index_of_before_is_compared_too(place: Path) -> None:
    """A report as of an earlier day is made from it."""
    assert open_ledger(place).compact()
    forge(place, "edges", lambda t: t.slice(1), generation=0)
    code, told = run(place)
    assert code == 4
    assert [f["where"].endswith("0000000001.json") for f in told["findings"]] == [True]


def test_without_a_place_for_it_the_index_is_not_called_sound(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(place / "nowhere"))
    with pytest.raises(LedgerError, match="cannot be made again beside the ledger"):
        verify(open_ledger(place).archive, index=True)
    assert run(place, "--log-only")[0] == 0


def test_a_manifest_that_says_otherwise_is_found(place: Path) -> None:
    (path,) = (place / "index" / "manifests").iterdir()
    path.write_text(json.dumps(json.loads(path.read_text()) | {"positions": {"dagster:test": 99}}))
    code, told = run(place)
    assert code == 4
    assert "do not agree on positions" in told["findings"][0]["what"]


def test_an_index_made_in_steps_merged_and_pruned_is_what_the_log_says(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    events = histories.history(histories.layered(48))
    for n in range(60, 64):
        again = Version("default", "again", None, histories.run_uuid(n))
        made = Production((again,), produced_at=histories.START + timedelta(seconds=n))
        events.insert(0, histories.event(n, made))
    for n in (0, 20, 32):
        ledger.append(events[n : n + 20])
        ledger.compact()
    assert ledger.prune(datetime.now(UTC) + timedelta(days=1), dry_run=False).events == 3
    ledger.append([histories.simple(90)])
    ledger.compact()
    code, told = run(tmp_path)
    assert (code, told["dropped"], told["findings"]) == (0, 3, [])


@pytest.mark.parametrize("mark", ["", "x", "99:sha256:00"])
def test_a_wrong_expectation_is_found(place: Path, mark: str) -> None:
    assert len(findings(place, mark)) == 1


def test_both_commands_are_there() -> None:
    assert {"verify", "prune"} <= set(cli.commands)


def decision() -> dict[str, object]:
    from lineage_guard.domain.facts import Production, Version
    from lineage_guard.domain.lineage.closure import close
    from lineage_guard.domain.rules.policy import Policy
    from lineage_guard.domain.rules.terms import FixedTerms
    from lineage_guard.domain.verdict.decide import decide
    from lineage_guard.openlineage.verdicts import decision_facet

    verdict = decide(
        close(Production((Version("d", "s"),)), []),
        Policy("p", (), FixedTerms({}), "sha256:p"),
        (),
        "train_competing",
        histories.START,
    )
    return decision_facet(verdict, enforced=True)
