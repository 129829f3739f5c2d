"""What a report says: everything that was on record and in force on its date, and nothing of later."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from report_ledger import (
    CURATED,
    DAY,
    GPT,
    LATER,
    LETTERS,
    LLAMA,
    PUBLIC,
    STUDENT,
    SYNTHETIC,
    TEXT,
    UNJUDGED,
    WAIVER,
    evidence,
    past_of,
    report_on,
)

from lineage_guard.domain.errors import ConfigError
from lineage_guard.domain.facts import Input, Production, Version
from lineage_guard.domain.lineage.closure import Closure
from lineage_guard.domain.lineage.filtering import Filtered
from lineage_guard.domain.lineage.filtering import source_of as source_of_rows
from lineage_guard.domain.verdict.decide import Decision
from lineage_guard.domain.verdict.evidence import Evidence
from lineage_guard.domain.verdict.explain import explain
from lineage_guard.domain.verdict.runs import AssetRun, RunState
from lineage_guard.explaining.cure import split_parameters
from lineage_guard.gx.rows import parameters_digest
from lineage_guard.gx.suites import load_suite
from lineage_guard.ledger import open_ledger
from lineage_guard.ledger.archive import claims
from lineage_guard.openlineage.encode import event_of
from lineage_guard.report.contents import WaiverText
from lineage_guard.report.document import document
from lineage_guard.report.gathering import passed
from lineage_guard.report.page import as_html


def source_of(report, version):
    [found] = [s for s in report.sources if s.reached.version == version]
    return found


def test_every_version_upstream_is_a_source_with_its_path(report, ledger) -> None:
    made = past_of(ledger).productions([STUDENT])[STUDENT]
    held: Closure = ledger.closure(made)
    versions = [s.reached.version for s in report.sources]
    assert versions[0] == STUDENT
    assert set(versions) > {r.version for r in held.reached} >= {STUDENT, CURATED, SYNTHETIC, LETTERS, PUBLIC}
    ids = report.ids
    assert report.path(source_of(report, SYNTHETIC)) == (ids[STUDENT], ids[CURATED], ids[SYNTHETIC])
    assert set(source_of(report, CURATED).inputs) == {ids[SYNTHETIC], ids[LETTERS], ids[PUBLIC]}
    for source in report.sources[1:]:
        assert source.id in next(s for s in report.sources if s.id == source.toward).inputs


def test_a_long_way_is_followed_step_by_step(own) -> None:
    at = DAY + timedelta(days=20)
    versions = [Version("default", f"v{n}", None, f"019b76da-a800-7503-85d6-56f4860{n:05d}") for n in range(40)]
    made = [Production((v,), inputs=(Input(w),), produced_at=at) for v, w in pairwise([*versions, LETTERS])]
    runs = [AssetRun(str(p.outputs[0].run), RunState.COMPLETE, at, "default", p.outputs[0].name, p) for p in made]
    ledger = open_ledger(own)
    ledger.append([event_of(run) for run in runs])
    report = report_on(ledger, versions[0])
    last = source_of(report, LETTERS)
    assert last.reached.depth == 40
    assert report.path(last) == tuple(f"S{n}" for n in range(8, 41))
    told = {s["id"]: s for s in document(report)["sources"]}
    assert "path" not in told[last.id]
    steps = [last.id]
    while "toward" in told[steps[-1]]:
        steps.append(told[steps[-1]]["toward"])
    assert steps == [f"S{n}" for n in range(40, -1, -1)]
    assert told["S32"]["path"] == [f"S{n}" for n in range(33)]
    assert '<a href="#S0">S0</a> ← … ← <a href="#S8">' in as_html(report).decode()


def test_a_source_says_who_has_its_record(report) -> None:
    assert source_of(report, LETTERS).record == "ledger"
    assert source_of(report, PUBLIC).record == "catalog"


def test_models_come_with_the_terms_of_the_day_they_answered(report) -> None:
    used = {u.model: u for u in source_of(report, SYNTHETIC).models}
    assert used[GPT].terms == ("openai-api/2026-01-01",)
    assert used[LLAMA].terms == ("llama-3.1/2024-07-23",)
    assert report.terms["openai-api/2026-01-01"].effective_from.isoformat() == "2026-01-01"


def test_duties_name_where_they_come_from_and_whether_a_verdict_listed_them(report) -> None:
    duties = {o.duty: o for o in report.obligations if source_of(report, SYNTHETIC).id in o.sources}
    [naming] = [o for duty, o in duties.items() if "begins with 'Llama'" in duty]
    assert naming.recorded
    assert naming.owner == "Meta"
    [authors] = [o for o in report.obligations if o.duty == "name the authors"]
    listed = {duty for d in report.decisions for duty in d.verdict.obligations}
    assert (authors.origin, authors.recorded) == ("CC-BY-4.0", "CC-BY-4.0: name the authors" in listed)
    assert authors.sources == (source_of(report, LETTERS).id,)


def test_every_duty_of_a_verdict_is_listed_once(report) -> None:
    listed = [f"{o.owner}: {o.duty}" for o in report.obligations]
    verdicts = [*(d.verdict for d in report.decisions), report.redecided.verdict]
    assert {duty for v in verdicts for duty in v.obligations} <= set(listed)
    places = [(o.owner, o.duty, o.origin) for o in report.obligations]
    assert len(places) == len(set(places))
    assert all(o.origin for o in report.obligations)


def test_recorded_verdicts_are_as_they_were_written(report, ledger) -> None:
    found = ledger.decisions("default", "student")
    on_record = {json.dumps({k: d[k] for k in d.keys() - {"parentRunId"}}, sort_keys=True) for d in found}
    assert [d.by for d in report.decisions] == ["gate", "sensor"]
    assert [d.enforced for d in report.decisions] == [d.facet["enforced"] for d in report.decisions]
    for d in report.decisions:
        stored = {**d.facet, "runId": STUDENT.run, "eventTime": d.at.isoformat()}
        assert json.dumps(stored, sort_keys=True) in on_record
    assert [d.verdict.policy for d in report.decisions] == ["default", "strict"]


def test_a_verdict_says_where_the_chain_holds_it(report, ledger) -> None:
    for d in report.decisions:
        lines = [(p, e) for p, e in ledger.events() if p == f"{d.record.batch}:{d.record.line}"]
        assert [e for _, e in lines] == [d.record.event]
    assert report.position.watermark == ledger.watermark()


def test_a_redecision_stands_beside_the_record_and_says_what_differs(report) -> None:
    assert report.redecided.verdict.policy == "default"
    assert report.redecided.differs
    assert "policy strict then, default now" in report.redecided.because
    assert any(each.startswith("only on record: ") for each in report.redecided.differs)


def test_the_same_rules_on_the_same_day_differ_in_nothing(ledger) -> None:
    report = report_on(ledger, at=DAY + timedelta(hours=4))
    assert [d.verdict.policy for d in report.decisions] == ["default"]
    assert report.redecided.differs == ()
    assert report.redecided.verdict.findings == report.decisions[0].verdict.findings


def test_a_waiver_shows_who_decided_and_whether_it_was_in_force(report, ledger) -> None:
    [waived] = report.waivers
    assert (waived.id, waived.verdicts, waived.in_force) == ("w-student", ("D1", "D2", "R"), True)
    assert waived.text.waiver.approved_by == "grace@example.com"
    assert all(each.startswith("model-terms: ") for each in waived.covered)
    [without] = report_on(ledger, waivers=()).waivers
    assert (without.text, without.in_force, without.verdicts) == (None, None, ("D1", "D2"))


@pytest.mark.parametrize(
    ("text", "in_force"),
    [
        (WaiverText(WAIVER), True),
        (WaiverText(WAIVER, approved_on=DAY.date()), True),
        (WaiverText(WAIVER, approved_on=(DAY + timedelta(days=1)).date()), False),
        (WaiverText(WAIVER, revoked_on=DAY.date()), False),
        (WaiverText(WAIVER, revoked_on=(DAY + timedelta(days=1)).date()), True),
    ],
)
def test_only_waivers_in_force_on_the_date_count(ledger, text, in_force) -> None:
    report = report_on(ledger, at=DAY + timedelta(hours=4), waivers=(text,))
    assert text.in_force(DAY) is in_force
    assert ("R" in report.waivers[0].verdicts) is in_force
    assert report.waivers[0].in_force is in_force


def test_an_expired_waiver_is_not_in_force(ledger) -> None:
    report = report_on(ledger, at=datetime(2026, 10, 1, tzinfo=UTC))
    assert report.waivers[0].in_force is False
    assert report.redecided.verdict.waivers == ()
    assert report.decisions[0].verdict.waivers == ("w-student",)


def test_suites_are_listed_with_what_they_ran_over(report) -> None:
    found = {(f.evidence.suite, f.check): f for f in report.evidence}
    assert found["lineage", None].about == ("D1", "D2", "R")
    assert found["rows", "rows"].about == (report.ids[CURATED],)
    assert {passed(f.evidence) for f in report.evidence} == {"passed"}
    assert all(f.document.startswith("sha256:") for f in report.evidence)


def test_what_a_quarantine_took_out_is_listed_and_does_not_count(own) -> None:
    ledger = open_ledger(own)
    part = Version("default", "permitted", None, "019b76da-a800-7503-85d6-56f486000001")
    trained = Version("default", "clean_student", None, "019b76da-a800-7503-85d6-56f486000002")
    at = DAY + timedelta(days=20)
    made = [
        Production((part,), inputs=(Input(SYNTHETIC),), models=(LLAMA,), produced_at=at),
        Production((trained,), inputs=(Input(part),), produced_at=at),
    ]
    runs = [AssetRun(str(p.outputs[0].run), RunState.COMPLETE, at, "default", p.outputs[0].name, p) for p in made]
    ledger.append([event_of(run) for run in runs])
    before = report_on(ledger, trained)
    claim = Filtered(part, SYNTHETIC[:2], (source_of_rows(GPT),), "sha256:rows")
    suite = load_suite("rows")
    fed = parameters_digest(split_parameters(claim, [LLAMA]))
    size = len(suite.expectations)
    proof = Evidence(suite.name, suite.digest, claim.data_digest, fed, True, size, size, at)
    ledger.put_evidence(proof)
    claims.file(ledger.archive, claim)
    after = report_on(ledger, trained)
    assert before.redecided.verdict.stops
    assert not after.redecided.verdict.stops
    [sentence] = after.cures
    assert "gpt-4o-2024-08-06" in sentence
    assert {u.model: u.taken_out for u in source_of(after, SYNTHETIC).models} == {GPT: True, LLAMA: False}
    assert not any(u.taken_out for s in before.sources for u in s.models)
    assert [s.reached.version for s in after.sources] == [s.reached.version for s in before.sources]
    [filed] = [f for f in after.evidence if f.evidence == proof]
    assert filed.about == (after.ids[part],)


def test_nothing_of_later_is_in_a_report(ledger) -> None:
    early = report_on(ledger, at=DAY + timedelta(hours=3))
    assert early.position.batches == 4
    assert [d.by for d in early.decisions] == ["gate"]
    with pytest.raises(ConfigError, match="did not hold"):
        report_on(ledger, LATER, DAY + timedelta(days=4))
    assert report_on(ledger, LATER).decisions == ()


def test_evidence_of_later_is_not_in_a_report(own) -> None:
    ledger = open_ledger(own)
    at = DAY + timedelta(hours=4)
    [before] = [f for f in report_on(ledger, at=at).evidence if f.evidence.suite == "lineage"]
    later = evidence("later", before.evidence.subject_digest, at + timedelta(days=1))
    ledger.put_evidence(replace(later, parameters_digest="sha256:others"))
    assert "later" not in {f.evidence.suite for f in report_on(ledger, at=at).evidence}
    assert {"later", "lineage"} <= {f.evidence.suite for f in report_on(ledger, at=at + timedelta(days=2)).evidence}


def test_a_version_nobody_judged_says_so(ledger) -> None:
    report = report_on(ledger, UNJUDGED)
    assert report.decisions == ()
    assert report.basis.use_from == "assumed"
    assert any("No verdict on this version is on record" in note for note in report.notes)
    assert report.redecided.verdict.decision is Decision.ALLOW
    assert document(report)["redecision"]["same"] is True


def test_the_use_can_be_given(ledger) -> None:
    report = report_on(ledger, use="evaluate")
    assert (report.basis.use, report.basis.use_from) == ("evaluate", "given")
    assert "use train_competing then, evaluate now" in report.redecided.because


def test_the_verdict_of_a_report_is_one_the_guard_could_have_given(report) -> None:
    verdict = report.redecided.verdict
    assert verdict.watermark == report.position.watermark
    assert verdict.at == report.as_of
    assert explain(verdict).startswith("BLOCKED  default:student (train_competing) by policy default")
    assert TEXT.waiver.id in verdict.waivers
