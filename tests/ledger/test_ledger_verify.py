"""``lineage-guard verify``: change the archive in every way, and it must say so."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import histories
import pytest
from click.testing import CliRunner
from records import Record

from lineage_guard.cli import cli
from lineage_guard.ledger import open_ledger
from lineage_guard.ledger.batch import GENESIS, made
from lineage_guard.ledger.log import Log
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


@pytest.mark.parametrize("mark", ["", "x", "99:sha256:00"])
def test_a_wrong_expectation_is_found(place: Path, mark: str) -> None:
    assert len(findings(place, mark)) == 1


def test_both_commands_are_there() -> None:
    assert {"verify", "prune"} <= set(cli.commands)


def decision() -> dict[str, object]:
    from lineage_guard.domain.closure import close
    from lineage_guard.domain.decide import decide
    from lineage_guard.domain.facts import Production, Version
    from lineage_guard.domain.policy import Policy
    from lineage_guard.domain.terms import FixedTerms
    from lineage_guard.openlineage.verdicts import decision_facet

    verdict = decide(
        close(Production((Version("d", "s"),)), []),
        Policy("p", (), FixedTerms({}), "sha256:p"),
        (),
        "train_competing",
        histories.START,
    )
    return decision_facet(verdict, enforced=True)
