"""The file of waivers: what it comes to, what it refuses, and that commands change nothing else in it."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from lineage_guard.catalog import load_waivers
from lineage_guard.catalog.waiver_edit import request, revoke, scope_of
from lineage_guard.catalog.waiver_file import WaiverState, read_waivers
from lineage_guard.domain.errors import ConfigError, WaiverError
from lineage_guard.domain.facts import Input, ModelSource, Production, Version
from lineage_guard.domain.lineage.closure import close
from lineage_guard.domain.rules.policy import Policy, Rule, Subject
from lineage_guard.domain.rules.terms import TRAIN_COMPETING, Effect, FixedTerms
from lineage_guard.domain.rules.waivers import WaiverReason
from lineage_guard.domain.verdict.decide import Decision, decide

AT = datetime(2026, 11, 22, tzinfo=UTC)
GOOD = """\
# our waivers
format: 1
waivers:
  - id: w-1   # the first
    rule: model-terms
    asset: student
    use: train_competing
    partition: null
    model: gpt-4o
    reason_code: REBUILD_PLANNED
    reason: The table is being made again with an open model.
    requested_by: ann@example.com
    requested_on: 2026-11-01
    approved_by: bob@example.com
    approved_on: 2026-11-02
    ticket: LEGAL-7
    expires: 2027-01-31
  - id: w-2
    rule: missing-provenance
    asset: student
    dataset: "default:raw@run-1"
    reason_code: null
    reason: null
    requested_by: ann@example.com
    approved_by: null
    ticket: null
    expires: null
"""


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "waivers.yaml"
    file.write_text(GOOD)
    return file


def test_what_was_approved_holds_and_the_rest_waits(path):
    (waiver,) = load_waivers(path)
    assert (waiver.id, waiver.model, waiver.partition, waiver.dataset) == ("w-1", "gpt-4o", None, None)
    assert waiver.code is WaiverReason.REBUILD_PLANNED
    assert waiver.expires == datetime(2027, 1, 31, tzinfo=UTC)
    first, second = read_waivers(path).entries
    assert [e.state(AT) for e in (first, second)] == [WaiverState.ACTIVE, WaiverState.PENDING]
    assert second.missing == ("approved_by", "reason_code", "reason", "ticket", "expires")
    assert first.state(waiver.expires) is WaiverState.EXPIRED
    path.write_text(GOOD.replace("2027-01-31", "2027-01-31T09:00:00+02:00"))
    assert load_waivers(path)[0].expires == datetime(2027, 1, 31, 7, tzinfo=UTC), "a changed file is read again"


@pytest.mark.parametrize(
    ("old", "new", "line", "what", "fix"),
    [
        ("bob@example.com", "Ann@Example.com", 14, "approved their own request", "somebody else"),
        ('asset: student\n    dataset: "default:raw@run-1"', "asset: '*'", 20, "too broad: it names no asset", "name"),
        ("ticket: LEGAL-7", "ticket: null", 16, "is approved and has no ticket", "fill in 'ticket'"),
        ("expires: 2027-01-31", "expires: null", 17, "is approved and has no expires", "fill in"),
        ("reason_code: REBUILD_PLANNED", "reason_code: null", 10, "has no reason_code", "fill in"),
        ("reason: The table is being made again with an open model.", "reason: null", 11, "has no reason", "fill in"),
        ("reason_code: REBUILD_PLANNED", "reason_code: REBUILD", 10, "cannot be 'REBUILD'", "REBUILD_PLANNED'?"),
        ("    expires: 2027-01-31\n", "", 4, "lacks 'expires'", "add 'expires'"),
        ("    requested_by: ann@example.com\n    requested_on", "    requested_on", 4, "lacks 'requested_by'", "add"),
        ("expires: 2027-01-31", "expires: 2027-02-31", 17, "is no day or time", "2027-01-31"),
        ("expires: 2027-01-31", "expires: 2027-01-31T00:00:00", 17, "expires cannot be", "a time with a zone"),
        ("requested_on: 2026-11-01", "requested_on: 2026-11-31", 13, "is no day", "2026-01-31"),
        ("id: w-2", "id: w-1", 18, "two waivers have the id", "never used twice"),
        ("model: gpt-4o", "modle: gpt-4o", 9, "unknown key 'modle'", "did you mean 'model'?"),
        ("waivers:", "waivers: [", 4, "not valid YAML", "mend the YAML"),
        ("format: 1", "format: 2", 2, "format", "write `format: 1`"),
    ],
)  # fmt: skip
def test_a_wrong_entry_makes_the_file_wrong(path, old, new, line, what, fix):
    assert GOOD.count(old) == 1
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(WaiverError) as raised:
        load_waivers(path)
    assert what in raised.value.what
    assert fix in raised.value.fix
    assert int(raised.value.where.removeprefix(f"{path}:").split(":")[0]) == line
    assert isinstance(raised.value, ConfigError)


def test_a_file_that_cannot_be_read_is_never_an_empty_one(tmp_path):
    with pytest.raises(WaiverError, match="cannot be read"):
        load_waivers(tmp_path / "none.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(WaiverError, match="cannot be read"):
        load_waivers(tmp_path / "bytes.yaml")
    (tmp_path / "empty.yaml").write_text("")
    with pytest.raises(WaiverError):
        load_waivers(tmp_path / "empty.yaml")


def test_revoking_marks_an_entry_and_leaves_every_other_byte(path):
    revoke(path, "w-1", "carol@example.com", date(2026, 11, 20), 'not "needed": any more')
    lines = path.read_text().splitlines()
    mark = '    revoked: {by: "carol@example.com", on: 2026-11-20, reason: "not \\"needed\\": any more"}'
    assert lines[4] == mark
    assert "\n".join(lines[:4] + lines[5:]) + "\n" == GOOD
    assert load_waivers(path) == ()
    entry = read_waivers(path).entries[0]
    assert entry.state(AT) is WaiverState.REVOKED
    assert entry.revoked == {"by": "carol@example.com", "on": "2026-11-20", "reason": 'not "needed": any more'}
    with pytest.raises(WaiverError, match="taken back before"):
        revoke(path, "w-1", "carol@example.com", date(2026, 11, 20), "again")
    with pytest.raises(WaiverError, match=r"no waiver 'w-9'.*name one of: w-1, w-2"):
        revoke(path, "w-9", "carol@example.com", date(2026, 11, 20), "again")


OUT = Version("d", "team/student[x]", "2026|de")
DATA, GAP = Version("d", "made", None, "r-1"), Version("d", "gap", None, "r-2")
RULES = (Rule("terms", Subject.UNRESOLVED, Effect.BLOCK, "w", "f"), Rule("gaps", Subject.GAP, Effect.BLOCK, "w", "f"))
CLOSURE = close(
    Production((OUT,), inputs=(Input(DATA), Input(GAP))), [Production((DATA,), models=(ModelSource("p", "org/m[1]"),))]
)
POLICY = Policy("p", RULES, FixedTerms({}))


@pytest.mark.parametrize("there", [False, True])
def test_a_request_covers_its_finding_once_it_is_filled_in_and_nothing_else(path, tmp_path, there):
    file = path if there else tmp_path / "new.yaml"
    verdict = decide(CLOSURE, POLICY, (), TRAIN_COMPETING, AT)
    scopes = [scope_of(f, verdict) for f in verdict.findings]
    known = {"reason_code": "NOT_RELEASED", "reason": "A trial: it stays here.", "ticket": "T-1"}
    ids = request(file, scopes, "ann", AT.date(), known)
    assert len(set(ids)) == 2
    if there:
        assert file.read_text().startswith(GOOD), "only added"
    pending = read_waivers(file).entries[-2:]
    assert [e.state(AT) for e in pending] == [WaiverState.PENDING] * 2
    assert {e.missing for e in pending} == {("approved_by", "expires")}
    assert decide(CLOSURE, POLICY, load_waivers(file), TRAIN_COMPETING, AT).decision is Decision.BLOCK
    text = file.read_text()
    for name, value in (
        ("approved_by", "bob"),
        ("expires", "2027-01-01"),
        ("reason_code", "EMERGENCY"),
        ("reason", "x"),
    ):
        text = text.replace(f" {name}: null", f" {name}: {value}")
    file.write_text(text.replace("ticket: null", "ticket: x"))
    waivers = load_waivers(file)
    assert decide(CLOSURE, POLICY, waivers, TRAIN_COMPETING, AT).decision is Decision.WAIVED
    assert set(ids) <= {w.id for w in waivers}
    elsewhere = close(
        Production((OUT._replace(partition="2026|fr"),), inputs=(Input(DATA), Input(GAP))),
        [Production((DATA,), models=(ModelSource("p", "org/m[1]"),))],
    )
    assert decide(elsewhere, POLICY, waivers, TRAIN_COMPETING, AT).waivers == ()
    assert decide(CLOSURE, POLICY, waivers, "evaluate", AT).waivers == ()
    again = CLOSURE.reached[2]._replace(version=GAP._replace(run="r-3"))
    later = replace(CLOSURE, reached=(*CLOSURE.reached[:2], again))
    assert decide(later, POLICY, waivers, TRAIN_COMPETING, AT).decision is Decision.BLOCK


def test_a_request_that_cannot_be_added_leaves_the_file_alone(path):
    scope = {"rule": "r", "asset": "a", "model": None}
    for text, what in (
        (GOOD + "other: 1\n", "unknown key"),
        ("format: 1\nwaivers: [{id: x, rule: r, asset: a, requested_by: a, approved_by: null, reason_code: null, "
         "reason: null, ticket: null, expires: null}]\n", "stands in one line"),
        (GOOD.removeprefix("# our waivers\nformat: 1\n") + "format: 1\n", "not the last thing"),
    ):  # fmt: skip
        path.write_text(text)
        with pytest.raises(WaiverError, match=what):
            request(path, [scope], "ann", AT.date(), {})
        assert path.read_text() == text
    path.write_text("format: 1\nwaivers: []  # none yet\n")
    assert request(path, [scope], "ann", AT.date(), {}) == ("w-2026-11-22-a-1",)
    assert request(path, [scope], "ann", AT.date(), {}) == ("w-2026-11-22-a-2",)
    with pytest.raises(WaiverError, match="too broad"):
        request(path, [{"rule": "r", "asset": "*", "model": None}], "ann", AT.date(), {})
    assert len(read_waivers(path).entries) == 2
    assert [p.name for p in path.parent.iterdir()] == ["waivers.yaml"]
