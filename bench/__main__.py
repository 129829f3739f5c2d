"""Runs the benchmarks and writes what they print into docs/benchmarks.md.

    .venv/bin/python -m bench                                   # all, in sizes that take minutes
    .venv/bin/python -m bench --only closure --max-edges 10000000

A run replaces the sections of the benchmarks it ran and leaves the rest of the page alone, with
what is written by hand around them.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import re
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
PACKAGES = ("lineage-guard", "dagster", "duckdb", "pyarrow", "numpy", "great-expectations", "rustworkx")
HEAD = "# Benchmarks\n\nWritten by `python -m bench` (`make bench`).\n"


@dataclass(frozen=True)
class Section:
    """One benchmark: its module below ``bench``, a heading, and whether it prints Markdown."""

    name: str
    title: str
    markdown: bool = False
    sized: bool = False


SECTIONS = (
    Section("closure", "Upstream closure and downstream impact", markdown=True, sized=True),
    Section("decide", "Decisions over closures of 1,000 versions", markdown=True),
    Section("delivery", "Draining a backlog of OpenLineage events", markdown=True),
    Section("serve", "What the pages of `lineage-guard serve` ask", markdown=True),
    Section("observe", "What observing a model call adds", markdown=True),
    Section("write", "Writing one event", markdown=True),
    Section("ingest", "Taking in events", markdown=True),
    Section("ledger", "Append, ingest, compact"),
    Section("growth", "What new events cost on a long history", markdown=True, sized=True),
    Section("import_cost", "Loading a guarded code location"),
    Section("gate", "What the gate adds to a training step"),
    Section("coordinator", "What the guarded queue adds to submitting a run", markdown=True),
    Section("collect", "Collecting from Dagster's event log, and a sensor tick"),
    Section("gx", "The suites of Great Expectations"),
    Section("scan", "Scanning responses for models that name themselves", markdown=True),
)


def machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{p} {importlib.metadata.version(p)}" for p in PACKAGES)
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}, Python {platform.python_version()}, {versions}"
    )


def run(section: Section, arguments: list[str]) -> str | None:
    """The section as Markdown; ``None`` when the benchmark failed."""
    command = ["-m", f"bench.{section.name}", *arguments]
    shown = "python " + " ".join(command)
    print(f"\n=== {shown}", flush=True)
    before = os.getloadavg()[0]
    printed: list[str] = []
    with subprocess.Popen([sys.executable, *command], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            printed.append(line)
    if process.returncode:
        print(f"*** {shown} failed with {process.returncode}", file=sys.stderr)
        return None
    body = "".join(printed).strip()
    if not section.markdown:
        body = f"```text\n{body}\n```"
    when = (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, load average {before:.1f} before and {os.getloadavg()[0]:.1f} after"
    )
    return f"## {section.title}\n\n`{shown}`\n\n{machine()}; {when}.\n\n{body}\n"


def placed(page: str, name: str, text: str) -> str:
    """The page with one section put in the place of its last run, or at the end."""
    begin, end = f"<!-- bench: {name} -->\n", f"<!-- end: {name} -->\n"
    block = f"{begin}{text}{end}"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if pattern.search(page):
        return pattern.sub(lambda _: block, page)
    return f"{page.rstrip()}\n\n{block}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=[s.name for s in SECTIONS], help="run these alone")
    parser.add_argument("--max-edges", type=int, help="largest lake of the benchmarks that have sizes")
    chosen = parser.parse_args()
    failed = False
    for section in SECTIONS:
        if chosen.only and section.name not in chosen.only:
            continue
        sized = section.sized and chosen.max_edges is not None
        text = run(section, ["--max-edges", str(chosen.max_edges)] if sized else [])
        if text is None:
            failed = True
            continue
        page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else HEAD
        PAGE.write_text(placed(page, section.name, text), encoding="utf-8")
    sys.exit(failed)


if __name__ == "__main__":
    main()
