"""Retention: what lives keeps all of its ancestry, whatever the history; what goes leaves its digest."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import histories
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from lineage_guard.domain.facts import Completeness, Input, ModelSource, Production, Version
from lineage_guard.domain.lineage.closure import Closure
from lineage_guard.ledger import Ledger, open_ledger
from lineage_guard.ledger.verify import verify

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
LATER = datetime(2027, 1, 1, tzinfo=UTC)


def opened(place: Path) -> Ledger:
    return open_ledger(place, lambda: LONG_AGO)


def seen(ledger: Ledger, version: Version) -> Closure:
    target = Production((Version("d", "student"),), inputs=(Input(version),), completeness=Completeness.COMPLETE)
    closure = ledger.closure(target)
    return Closure(closure.target, closure.reached, watermark="")


def live_of(ledger: Ledger, productions: list[Production]) -> list[Version]:
    """The newest version of every partition, asked of the ledger, not of the code under test."""
    names = sorted({v[:2] for p in productions for v in p.outputs})
    return [v for n in names for v in ledger.latest(*n)]


@settings(max_examples=15, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(st.lists(histories.productions, min_size=1, max_size=14), st.booleans())
def test_the_closure_of_every_live_version_stays(made: list[Production], compacted: bool) -> None:
    with TemporaryDirectory() as folder:
        ledger = opened(Path(folder))
        for event in histories.history(made):
            ledger.append([event])
        if compacted:
            ledger.compact()
        live = live_of(ledger, made)
        before = [seen(ledger, v) for v in live]
        planned = ledger.prune(LATER, dry_run=False)
        for asked in (ledger, opened(Path(folder))):
            assert live_of(asked, made) == live
            assert [seen(asked, v) for v in live] == before
        assert verify(ledger.archive).findings == ()
        shutil.rmtree(Path(folder) / "index")
        rebuilt = opened(Path(folder))
        assert [seen(rebuilt, v) for v in live] == before
        assert ledger.prune(LATER).gone == planned.events
        # A record that was dropped may have been all that kept another; it comes to an end, and nothing live goes.
        while ledger.prune(LATER, dry_run=False).events:
            pass
        assert [seen(opened(Path(folder)), v) for v in live] == before


def run(n: int, name: str, *inputs: Version, partition: str | None = None) -> Production:
    return Production(
        (Version("default", name, partition, histories.run_uuid(n)),),
        inputs=tuple(Input(v) for v in inputs),
        models=() if inputs else (ModelSource("openai", "gpt-4o"),),
        produced_at=histories.START + timedelta(seconds=n),
    )


def rebuilt_often(place: Path) -> tuple[Ledger, list[Production]]:
    """A source written ten times, a table and a student made from its first version."""
    ledger = opened(place)
    made = [run(n, "source") for n in range(10)]
    made.append(run(10, "student", made[0].outputs[0]))
    ledger.append(histories.history(made))
    return ledger, made


def test_what_nobody_needs_goes_and_what_a_live_version_was_made_from_stays(tmp_path: Path) -> None:
    ledger, made = rebuilt_often(tmp_path)
    assert ledger.prune(LATER).events == 8
    assert ledger.check().events == 11, "a dry run drops nothing"
    assert len(list(ledger.events())) == 11
    assert ledger.prune(LATER, dry_run=False).events == 8
    assert [e["outputs"][0]["name"] for _, e in ledger.events()] == ["source", "source", "student"]
    assert set(ledger.productions(v for p in made for v in p.outputs)) == {
        made[0].outputs[0],
        made[9].outputs[0],
        made[10].outputs[0],
    }
    assert ledger.position("dagster:test") == 10
    # What was dropped is known: delivered again it is not taken for new.
    assert opened(tmp_path).append(histories.history(made)).new == 0
    assert verify(ledger.archive).dropped == 8


def test_what_is_young_is_kept_by_either_clock(tmp_path: Path) -> None:
    ledger, _ = rebuilt_often(tmp_path)
    assert ledger.prune(histories.START + timedelta(seconds=5)).events == 4, "dated 1 to 4; 0 is needed"
    other = open_ledger(tmp_path / "other", lambda: LATER)
    other.append([e for _, e in ledger.events()])
    other.compact()
    assert other.prune(LATER).events == 0, "recorded just now"


def test_what_the_caller_names_is_kept(tmp_path: Path) -> None:
    ledger, made = rebuilt_often(tmp_path)
    ledger.compact()
    assert ledger.prune(LATER).events == 8
    assert ledger.prune(LATER, live=[made[4].outputs[0]]).events == 7
    assert ledger.prune(LATER, keep=[("default", "source")]).events == 0
    assert ledger.prune(LATER, until="1:5").events == 4, "not delivered yet: lines 6 and later"


def test_versions_that_are_read_together_are_all_live(tmp_path: Path) -> None:
    """A table that is appended to: its reader names every run, and the next reader will too."""
    ledger = opened(tmp_path)
    made = [run(n, "log") for n in range(6)]
    made.append(run(6, "report", made[0].outputs[0], made[1].outputs[0]))
    ledger.append(histories.history(made))
    ledger.compact()
    assert ledger.prune(LATER).events == 0


def test_a_warm_reader_goes_on_through_a_prune(tmp_path: Path) -> None:
    ledger, made = rebuilt_often(tmp_path)
    ledger.compact()
    warm = opened(tmp_path)
    student = made[10].outputs[0]
    before = seen(warm, student)
    ledger.prune(LATER, dry_run=False)
    assert seen(warm, student) == before
    assert warm.append([histories.event(50, run(50, "more"))]).new == 1
    assert seen(opened(tmp_path), student) == before
