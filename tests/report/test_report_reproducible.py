"""The same ledger and the same arguments give the same bytes: in other processes, after compaction, and later."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from report_ledger import CURATED, DAY, LATER, SYNTHETIC, finished, report_on

from lineage_guard.domain.facts import Production, Version
from lineage_guard.domain.verdict.attested import Attestation, Demand
from lineage_guard.domain.verdict.runs import AssetRun, RunState
from lineage_guard.ledger import open_ledger
from lineage_guard.ledger.archive.attesting import Attestations
from lineage_guard.openlineage.encode import event_of
from lineage_guard.report.contents import Report
from lineage_guard.report.document import as_json
from lineage_guard.report.rendering import FORMATS, render


def rendered(place: Path, at=None, formats=FORMATS) -> dict[str, str]:
    report = report_on(open_ledger(place), at=at)
    return {f: hashlib.sha256(render(report, f)).hexdigest() for f in formats}


def test_another_process_with_other_hashes_writes_the_same_bytes(place) -> None:
    program = (
        "import json, sys; sys.path.insert(0, sys.argv[1]);"
        "from pathlib import Path; from test_report_reproducible import rendered;"
        "print(json.dumps(rendered(Path(sys.argv[2]))))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "77", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    done = subprocess.run(
        [sys.executable, "-c", program, str(Path(__file__).parent), str(place)],
        capture_output=True,
        text=True,
        env=environment,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == rendered(place)


def test_compaction_changes_no_byte(own) -> None:
    before = rendered(own)
    assert open_ledger(own).compact()
    assert rendered(own) == before


def test_an_index_of_earlier_serves_and_changes_no_byte(own) -> None:
    at = DAY + timedelta(days=4)
    before = rendered(own, at, ["json"])
    ledger = open_ledger(own)
    ledger.compact()
    ledger.append([_other(n) for n in range(3)])
    assert rendered(own, at, ["json"]) == before
    ledger.compact()
    assert rendered(own, at, ["json"]) == before


def test_what_is_appended_later_changes_no_report_of_before(own) -> None:
    at = DAY + timedelta(days=10)
    before = rendered(own, at, ["json"])
    open_ledger(own).append([_other(0)])
    assert rendered(own, at, ["json"]) == before
    assert rendered(own, None, ["json"]) != before


def test_a_report_without_a_date_is_the_report_of_the_date_it_names(place) -> None:
    ledger = open_ledger(place)
    report = report_on(ledger)
    assert as_json(report_on(ledger, at=report.as_of)) == as_json(report)


def test_suites_that_change_later_change_no_report_of_before(own) -> None:
    """A suite is edited, a check is added, one is taken away, and the suite is run again on the same version."""
    at, later = DAY + timedelta(days=4), DAY + timedelta(days=20)
    ledger = open_ledger(own)
    before = rendered(own, at, ["json"])
    attestations = Attestations(ledger.archive)
    demand = Demand("default", "curated", "rows", "rows", "sha256:suite", "here")
    other = demand._replace(name="synthetic")
    once = attestations.find(CURATED, "rows").evidence
    failed = replace(once, subject_digest="sha256:other rows", success=False, at=later)
    steps = (
        lambda: attestations.demand(demand._replace(suite_digest="sha256:edited"), later),
        lambda: attestations.demand(other, later),
        lambda: attestations.file(Attestation(CURATED, "rows", failed), later),
        lambda: attestations.file(
            Attestation(CURATED, "rows", replace(failed, parameters_digest="sha256:more")), later
        ),
        lambda: attestations.withdraw(other, later + timedelta(days=1)),
        lambda: attestations.withdraw(demand, later + timedelta(days=1)),
    )
    for step in steps:
        step()
        assert rendered(own, at, ["json"]) == before
    ledger.append([_other(0)])
    assert _about_rows(report_on(ledger, at=later)) == {"curated", "synthetic"}
    assert _about_rows(report_on(ledger, at=later + timedelta(days=1))) == set()


def test_evidence_gathered_again_changes_no_report_of_before(own) -> None:
    at = DAY + timedelta(days=4)
    ledger = open_ledger(own)
    before = rendered(own, at, ["json"])
    [filed] = [f.evidence for f in report_on(ledger, at=at).evidence if f.evidence.suite == "lineage"]
    ledger.put_evidence(replace(filed, at=DAY + timedelta(days=20)))
    assert rendered(own, at, ["json"]) == before


def test_rows_of_old_are_attested_for_a_version_since_they_were(own) -> None:
    """The rows of a new version may be those of an old one: their evidence is older than what it is attested for."""
    ledger = open_ledger(own)
    attestations = Attestations(ledger.archive)
    attestations.demand(Demand("default", "synthetic", "rows", "rows", "sha256:suite", "here"))
    at = DAY + timedelta(days=4)
    before = rendered(own, at, ["json"])
    old = attestations.find(CURATED, "rows").evidence
    attestations.file(Attestation(SYNTHETIC, "rows", old), DAY + timedelta(days=20))
    assert rendered(own, at, ["json"]) == before
    attestations.file(Attestation(SYNTHETIC, "rows", old), DAY + timedelta(days=30))
    assert attestations.find(SYNTHETIC, "rows", DAY + timedelta(days=20)) is not None


@pytest.mark.parametrize("format_", FORMATS)
def test_rendering_twice_is_rendering_once(report, format_) -> None:
    assert render(report, format_) == render(report, format_)


def test_another_format_is_refused(report) -> None:
    with pytest.raises(ValueError, match="expected one of json, html, cyclonedx, spdx"):
        render(report, "pdf")


def test_the_fixture_holds_what_it_says() -> None:
    assert finished(LATER)["run"]["runId"] == LATER.run


def _about_rows(report: Report) -> set[str]:
    return {f.subject.name for f in report.redecided.verdict.findings if f.rule == "rows:rows"}


def _other(n: int) -> dict:
    run = f"019b76da-a800-7503-85d6-56f4860000{n:02d}"
    version = Version("default", f"other{n}", None, run)
    at = DAY + timedelta(days=20 + n)
    made = Production((version,), produced_at=at)
    return event_of(AssetRun(run, RunState.COMPLETE, at, "default", version.name, made))
