"""Waivers that would cover nothing, or for ever, are told; what is refused says whom to name."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from lineage_guard.catalog import load_catalog, load_policy
from lineage_guard.catalog.waiver_doubts import waiver_doubts
from lineage_guard.catalog.waiver_edit import revoke
from lineage_guard.catalog.waiver_file import parse_waivers, read_waivers
from lineage_guard.domain.errors import WaiverError

CATALOG = load_catalog()
POLICY = load_policy("default", CATALOG)
NOW = datetime(2026, 12, 1, tzinfo=UTC)
GOOD = """\
format: 1
waivers:
  - id: w-1
    rule: model-terms
    asset: student
    use: train_competing
    model: gpt-4o
    reason_code: REBUILD_PLANNED
    reason: It is being made again.
    ticket: LEGAL-7
    expires: 2027-01-31
    requested_by: ann@example.com
    requested_on: 2026-11-22
    approved_by: bob@example.com
    approved_on: 2026-11-23
"""


def doubts(text, policy=POLICY):
    found = waiver_doubts(parse_waivers(text, Path("w.yaml")), CATALOG, policy, NOW)
    return [(d.where, d.what, d.fix) for told in found.values() for d in told]


def test_a_good_waiver_has_none():
    assert doubts(GOOD) == []
    assert doubts(GOOD.replace("rule: model-terms", "rule: rows:permitted")) == []
    assert doubts(GOOD.replace("asset: student", "asset: group")) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "what", "fix"),
    [
        ("model: gpt-4o", "model: gtp-4o", 7, "no known model is called 'gtp-4o'", "did you mean 'gpt-4o'?"),
        ("model: gpt-4o", "model: 'gpt-4o '", 7, "'gpt-4o ' is compared with the space", "write 'gpt-4o'"),
        ("asset: student", "asset: ' student'", 5, "compared with the space around it", "write 'student'"),
        (
            "asset: student",
            "asset: group:lab",
            5,
            "'group:lab' is a name, and no selection",
            "name the asset: what may",
        ),
        ("rule: model-terms", "rule: model-tersm", 4, "has no rule 'model-tersm'", "did you mean 'model-terms'?"),
        ("use: train_competing", "use: train_competting", 6, "no use is called", "did you mean 'train_competing'?"),
        ("use: train_competing", "use: train_*", 6, "no use is called 'train_*'", "use one of train_competing"),
        ("expires: 2027-01-31", "expires: 2999-01-31", 11, "it holds for 355", "end it within a year"),
        ("approved_on: 2026-11-23", "approved_on: 2026-11-21", 15, "before it was asked for", "correct the days"),
        ("approved_on: 2026-11-23", "approved_on: 2026-12-24", 15, "2026-12-24 is to come", "give the day"),
    ],
)
def test_what_is_doubtful_has_its_place_and_fix(old, new, line, what, fix):
    (told,) = doubts(GOOD.replace(old, new))
    assert told[0].startswith(f"w.yaml:{line}:")
    assert what in told[1]
    assert fix in told[2]


def test_rules_and_uses_are_a_policys_and_nobodys_without_one():
    text = GOOD.replace("rule: model-terms", "rule: ours").replace("use: train_competing", "use: train_voice")
    assert len(doubts(text)) == 2
    assert doubts(text, None) == []


def test_what_does_nothing_any_more_is_left_alone():
    assert doubts(GOOD.replace("gpt-4o", "gtp-4o").replace("2027-01-31", "2026-11-30")) == []
    revoked = "    revoked: {by: bob@example.com, on: 2026-11-24, reason: rebuilt}\n"
    assert doubts(GOOD.replace("gpt-4o", "gtp-4o") + revoked) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "what", "fix"),
    [
        ("approved_by: bob@example.com", "approved_by: TBD", 14, "nobody approved it", "`approved_by` is null until"),
        ("requested_by: ann@example.com", "requested_by: n/a", 12, "nobody requested it", "name a person"),
        ("approved_by: bob@example.com", "approved_by: Ann <ann@example.com>", 14, "their own", "somebody else"),
        ("asset: student\n    use: train_competing\n    model: gpt-4o", "asset: '[a-z]*'", 5, "broad", "the asset"),
        ("ticket: LEGAL-7", "ticket: 7", 10, "must be a text, and is 7", "put it in quotes"),
        ("  - id: w-1", "    id: w-1", 2, "waivers must be a list, and is keys with values", "begin each of the list"),
    ],
)  # fmt: skip
def test_what_is_refused_says_where_and_how_to_mend_it(old, new, line, what, fix):
    with pytest.raises(WaiverError) as raised:
        parse_waivers(GOOD.replace(old, new), Path("w.yaml"))
    assert (raised.value.where or "").startswith(f"w.yaml:{line}:")
    assert what in raised.value.what
    assert fix in raised.value.fix


def test_a_file_of_another_system_keeps_its_bytes(tmp_path):
    path = tmp_path / "w.yaml"
    path.write_bytes(GOOD.replace("\n", "\r\n").encode())
    revoke(path, "w-1", "bob@example.com", NOW.date(), "rebuilt")
    kept = path.read_bytes().splitlines(keepends=True)
    assert [line for line in kept if b"revoked" not in line] == path_lines(GOOD)
    assert read_waivers(path).waivers == ()


def path_lines(text):
    return text.replace("\n", "\r\n").encode().splitlines(keepends=True)
