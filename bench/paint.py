"""First contentful paint of the pages of ``lineage-guard serve``, in headless Chromium, as Markdown.

    .venv/bin/python -m bench.paint [--versions 112000] [--verdicts 20000] [--ledger FOLDER]

The ledger is that of ``bench.serve``, made anew unless a folder is named. *First* is the first time that a server
which has just started is asked for the page, with an empty browser; *median* is of later times, in a new browser
profile each, so that nothing of ours is in its cache. *Whole* is the median time until the page is whole: it is sent
piece by piece, and what takes its time comes last.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from bench.serve import ROUNDS, World, fill
from lineage_guard.catalog import load_catalog, load_policy
from lineage_guard.ledger import open_ledger
from lineage_guard.web import questions
from lineage_guard.web.contents import Rules
from lineage_guard.web.rendering import to_version

TIMES = 5
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
PAINTED = """() => new Promise(done => new PerformanceObserver(seen => {
    for (const e of seen.getEntries()) if (e.name === 'first-contentful-paint') done(e.startTime);
}).observe({type: 'paint', buffered: true}))"""
WHOLE = "() => performance.getEntriesByType('navigation')[0].loadEventEnd"


@contextmanager
def serving(ledger: Path) -> Generator[str]:
    command = [sys.executable, "-m", "lineage_guard.cli", "serve", "--port", "0", "--ledger", str(ledger)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().split(" at ")[1].split()[0].rstrip("/")
        finally:
            server.terminate()


def visit(browser: Browser, address: str) -> tuple[float, float]:
    """Milliseconds until something is painted, and until the page is whole."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    try:
        page = context.new_page()
        answer = page.goto(address, wait_until="load", timeout=120_000)
        assert answer is not None
        assert answer.status == 200, address
        page.wait_for_function("() => performance.getEntriesByType('navigation')[0].loadEventEnd > 0")
        return float(page.evaluate(PAINTED)), float(page.evaluate(WHOLE))
    finally:
        context.close()


def pages(ledger: Path) -> dict[str, str]:
    book = open_ledger(ledger)
    blocked = questions.verdicts(book, text="openai", limit=1).rows[0]
    version = blocked.target._replace(run=blocked.run)
    return {
        "verdict list": "/",
        "verdict list, searched": "/?q=claude-3",
        "blocked version": to_version(version),
        "its asset, as an alert links it": f"/v?namespace=default&name={blocked.target.name}",
        "search": "/search?q=curated/table_7",
        "impact of a model": "/impact?model=gpt-4o*",
        "incidents": "/incidents",
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description="First contentful paint.")
    # Some runs are stopped and write nothing: what is asked for is more than what is there in the end.
    arguments.add_argument("--versions", type=int, default=112_000)
    arguments.add_argument("--verdicts", type=int, default=20_000)
    arguments.add_argument("--ledger", type=Path)
    said = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = said.ledger or Path(folder) / "ledger"
        if not place.exists():
            catalog = load_catalog()
            rules = Rules(catalog, load_policy("default", catalog))
            fill(place, World(said.versions, said.verdicts), rules)
        held = open_ledger(place).check()
        print(f"{held.versions:,} versions, {held.events:,} events, {ROUNDS} rounds.\n")
        print("| page | first, ms | median, ms | whole, ms |\n|---|--:|--:|--:|")
        with sync_playwright() as playwright, serving(place) as url:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), headless=True, args=FLAGS)
            visit(browser, f"{url}/waivers")  # the browser itself is not what is measured
            for name, address in pages(place).items():
                first, *later = [visit(browser, url + address) for _ in range(TIMES + 1)]
                painted = statistics.median(p for p, _ in later)
                whole = statistics.median(w for _, w in later)
                print(f"| {name} | {first[0]:,.0f} | {painted:,.0f} | {whole:,.0f} |", flush=True)
            browser.close()


if __name__ == "__main__":
    main()
