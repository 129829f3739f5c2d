"""A run of another producer that begins under one text and ends under another, through the ledger to a verdict."""

from __future__ import annotations

import itertools
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from lineage_guard.catalog import load_catalog, load_policy
from lineage_guard.catalog.entries import Entry
from lineage_guard.catalog.match import CatalogTerms
from lineage_guard.catalog.patterns import id_patterns
from lineage_guard.domain.facts import Input, Pin, Production, Version
from lineage_guard.domain.rules.terms import USES, Effect, Terms
from lineage_guard.domain.rules.waivers import Waivers
from lineage_guard.domain.verdict.decide import Verdict, decide
from lineage_guard.ledger import open_ledger
from lineage_guard.ledger.ledger import Ledger

sys.path.insert(0, str(Path(__file__).parents[1] / "openlineage"))
from foreign_examples import DAY, change, data, model, ran

HOURS = 60
TURNS = (DAY + timedelta(days=1)).date()
TABLE = data("t", change("OVERWRITE"))


def text(id_: str, said: Effect, begins: int) -> Entry:
    """A version of what one supplier says of its output, in force from so many days before or after the turn."""
    day = TURNS + timedelta(days=begins)
    terms = Terms(id_, "Acme", "service", "LicenseRef-acme", dict.fromkeys(USES, said), effective_from=day)
    return Entry(terms, frozenset({"acme"}), id_patterns(["chat"], frozenset({"acme"})), series="acme")


TERMS = CatalogTerms([text("acme-1", Effect.BLOCK, -300), text("acme-2", Effect.ALLOW, 0)])
POLICY = replace(load_policy("default", load_catalog()), terms=TERMS)


def verdict(ledger: Ledger) -> Verdict:
    [read] = ledger.latest("warehouse", "t")
    training = Production((Version("dagster", "student"),), inputs=(Input(read, pin=Pin.CONSERVATIVE),))
    return decide(ledger.closure(training), POLICY, Waivers(()), "train_competing", DAY + timedelta(days=9))


@pytest.mark.parametrize("order", list(itertools.permutations(range(2))), ids=["in order", "the end first"])
@pytest.mark.parametrize("compacted", [False, True], ids=["tail", "index"])
def test_a_run_over_the_turn_of_a_text_is_judged_by_both(tmp_path: Path, order: list[int], compacted: bool) -> None:
    ledger = open_ledger(tmp_path)
    events = ran("ask", 23 * HOURS, 25 * HOURS, [model("acme|chat")], [TABLE])
    for n in order:
        ledger.append([events[n]])
        if compacted:
            ledger.compact()
    said = verdict(ledger)
    assert (said.decision.value, [f.terms.id for f in said.findings if f.terms]) == ("BLOCK", ["acme-1"])


def test_a_run_that_begins_under_the_new_text_is_judged_by_that_alone(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.append(ran("ask", 24 * HOURS, 60 * HOURS, [model("acme|chat")], [TABLE]))
    assert verdict(ledger).decision.value == "ALLOW"


def test_the_end_alone_counts_where_nobody_saw_the_beginning(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    start, complete = ran("ask", 23 * HOURS, 25 * HOURS, [model("acme|chat")], [TABLE])
    ledger.append([complete | {"inputs": start["inputs"]}])
    assert verdict(ledger).decision.value == "ALLOW"
    ledger.append([start])
    assert verdict(ledger).decision.value == "BLOCK", "its START arrived late"
