"""docs/alerts.md and docs/alerts/ show what happens. To write them anew: WRITE_DOCS=1 pytest <this file>."""

from __future__ import annotations

import os
import re
from pathlib import Path

import dagster as dg
import pytest
from faulting import FAULTS, SINKS, outcomes, table
from paging import received

DOCS = Path(__file__).parents[2] / "docs"
BEGIN, END = "<!-- faults: begin -->\n", "<!-- faults: end -->\n"


@pytest.mark.parametrize("sink", SINKS)
def test_whatever_a_sink_does_the_log_is_told_and_nothing_is_lost(sink):
    for fault in FAULTS:
        seen = outcomes()[sink, fault]
        assert seen.tried in (1, 2), fault
        assert seen.logged == 2, fault
        assert seen.arrived == 2, fault
        assert seen.why, fault


def test_a_receiver_that_is_not_well_costs_one_attempt_per_tick():
    for (sink, fault), seen in outcomes().items():
        if fault in ("refused", "hang", "drip", "tls", 429, 500, 401):
            assert seen.tried == 1, (sink, fault)


def test_the_table_of_faults_shows_what_happened():
    page = DOCS / "alerts.md"
    before, begin, rest = page.read_text("utf-8").partition(BEGIN)
    shown, end, after = rest.partition(END)
    assert begin
    assert end
    if os.environ.get("WRITE_DOCS"):
        shown = f"\n{table()}\n\n"
        page.write_text(f"{before}{begin}{shown}{end}{after}", "utf-8")
    assert shown.strip() == table()


def test_the_pages_show_what_each_sink_received(tmp_path):
    folder = DOCS / "alerts"
    with dg.DagsterInstance.ephemeral() as instance:
        pages = received(tmp_path, instance)
    if os.environ.get("WRITE_DOCS"):
        folder.mkdir(exist_ok=True)
        for name, text in pages.items():
            (folder / name).write_text(text, "utf-8")
    assert {p.name: p.read_text("utf-8") for p in folder.iterdir()} == pages


def test_the_python_of_the_page_runs_as_it_stands():
    page = (DOCS / "alerts.md").read_text("utf-8")
    found = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(found) == page.count("```python") == 3
    for snippet in found:
        exec(compile(snippet, "alerts.md", "exec"), {"__name__": "alerts_page"})
