"""A closure read from columns against the same closure as plain rows: every answer, verdict and path is the same."""

import tempfile
from datetime import timedelta
from types import MappingProxyType

import histories
import pytest
from histories import fill, splits
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage_guard.domain.errors import LedgerError
from lineage_guard.domain.facts import Input, ModelSource, Production, Version
from lineage_guard.domain.lineage.closure import Closure, close, extend
from lineage_guard.domain.lineage.reached import Listed, Rows
from lineage_guard.domain.rules.policy import Policy, Rule, Subject
from lineage_guard.domain.rules.terms import TRAIN_COMPETING, Effect, FixedTerms
from lineage_guard.domain.verdict.decide import Verdict, decide
from lineage_guard.ledger import open_ledger
from lineage_guard.ledger.asking import closing, impact
from lineage_guard.ledger.asking.columns import Columns

RULES = (
    Rule("gap", Subject.GAP, Effect.UNKNOWN, "why", "fix"),
    Rule("model", Subject.MODEL, Effect.BLOCK, "why", "fix"),
    Rule("unresolved", Subject.UNRESOLVED, Effect.WARN, "why", "fix"),
)
NOW = histories.START + timedelta(days=300)
#: Reads the last of four tables, each made from the one before.
READS_FOUR = Production(
    (Version("d", "s"),), inputs=(Input(Version("default", "table3", None, histories.run_uuid(3))),)
)


class Known:
    """The versions of a history as public artefacts: everything may be told of more."""

    digest = "sha256:known"

    def __init__(self, made: dict[Version, Production], names: dict[str, Version]) -> None:
        self._made, self._names = made, names

    def version_of(self, public_id: str) -> Version | None:
        return self._names.get(public_id)

    def productions(self) -> MappingProxyType[Version, Production]:
        return MappingProxyType(self._made)


@pytest.fixture(autouse=True)
def _no_closure_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closing, "HELD", 0)


def verdict(closure: Closure, counts_indirect: bool) -> Verdict:
    policy = Policy("p", RULES, FixedTerms({}), counts_indirect=counts_indirect)
    return decide(closure, policy, (), TRAIN_COMPETING, NOW)


def assert_same(found: Rows, expected: Rows) -> None:
    """Everything that may be asked of rows."""
    everything = range(len(expected))
    assert len(found) == len(expected)
    assert found.versions(everything) == expected.versions(everything)
    assert [(k, list(at)) for k, at in found.kinds()] == [(k, list(at)) for k, at in expected.kinds()]
    odd = range(1, len(expected), 2)
    assert [(k, list(at)) for k, at in found.kinds(odd)] == [(k, list(at)) for k, at in expected.kinds(odd)]
    assert sorted(found.sealed((0,)), key=repr) == sorted(expected.sealed((0,)), key=repr)
    assert found.paths(everything) == expected.paths(everything)
    assert [found.below(i) for i in everything] == [expected.below(i) for i in everything]
    assert [r[:5] for r in found.places(everything)] == [r[:5] for r in expected.places(everything)]
    entries = [at for _, at in expected.kinds()]
    assert [found.nearest([at]) for _, at in found.kinds()] == [expected.nearest([at]) for at in entries]
    assert found.nearest([at for _, at in found.kinds()]) == expected.nearest(entries)
    versions = expected.versions(everything)
    nowhere = Version("d", "nowhere")
    assert (
        found.find([*versions, nowhere])
        == expected.find([*versions, nowhere])
        == {v: i for i, v in enumerate(versions)}
    )
    names = {v[:2] for v in versions[::2]}
    assert found.named(names) == expected.named(names)
    assert found == expected
    assert expected == found
    assert found[:] == expected[:]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(histories.productions, max_size=12),
    splits,
    histories.productions,
    st.lists(histories.productions, max_size=3),
    st.booleans(),
)
def test_columns_answer_as_rows_do(
    productions: list[Production],
    cuts: list[tuple[int, bool]],
    target: Production,
    public: list[Production],
    counts_indirect: bool,
) -> None:
    made = {p.outputs[0]: p for p in public}
    names = {m.model: v for p in [*productions, target] for m in p.models for v in made}
    ancestry = Known(made, names | {p.artefact: v for p in productions if p.artefact for v in made})
    with tempfile.TemporaryDirectory() as folder:
        fill(folder, productions, cuts)
        closure = open_ledger(folder).closure(target)
        expected = close(target, productions, closure.watermark)
        assert isinstance(closure.reached, Columns)
        assert_same(closure.rows, expected.rows)
        assert closure == expected
        assert closure.digest == expected.digest
        assert verdict(closure, counts_indirect) == verdict(expected, counts_indirect)
        wider, expected = extend(closure, ancestry), extend(expected, ancestry)
        assert wider.reached == Listed(expected.reached)
        assert wider.digest == expected.digest
        assert verdict(wider, counts_indirect) == verdict(expected, counts_indirect)
        assert extend(wider, ancestry).reached == Listed(extend(expected, ancestry).reached)


def test_a_version_without_a_key_is_not_left_out_of_the_digest() -> None:
    """What was reached and cannot be named is an error, never a smaller closure."""
    with tempfile.TemporaryDirectory() as folder:
        ledger = open_ledger(folder)
        ledger.append([histories.simple(n) for n in range(4)])
        ledger.compact()
        closure = ledger.closure(READS_FOUR)
        rows = closure.rows
        assert isinstance(rows, Columns)
        rows.source.keyed = {name: column[1:] for name, column in rows.source.keyed.items()}
        with pytest.raises(LedgerError, match="without a key"):
            _ = closure.digest


def test_a_closure_that_outlives_its_index_says_so() -> None:
    with tempfile.TemporaryDirectory() as folder:
        ledger = open_ledger(folder)
        ledger.append([histories.simple(n) for n in range(4)])
        ledger.compact()
        closure = ledger.closure(READS_FOUR)
    with pytest.raises(LedgerError, match="superseded"):
        verdict(closure, True)


def test_a_small_closure_needs_its_ledger_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closing, "HELD", 5)
    with tempfile.TemporaryDirectory() as folder:
        ledger = open_ledger(folder)
        ledger.append([histories.simple(n) for n in range(4)])
        ledger.compact()
        closure = ledger.closure(READS_FOUR)
    assert len(closure.reached) == 5
    assert verdict(closure, True).decision.value == "ALLOW"


def test_edges_out_of_order_are_an_error() -> None:
    """A search in columns that are not sorted would miss edges, and a missed edge is a false ALLOW."""
    import numpy as np

    from lineage_guard.ledger.index.graph import cut

    child = np.array([1, 3, 2], dtype=np.int32)
    assert [s.is_sorted() for s in cut({"child": child, "parent": child}, [2, 1])] == [True, True]
    assert [s.is_sorted() for s in cut({"child": child, "parent": child}, [3])] == [False]


def test_one_finding_stands_for_all_versions_that_show_the_same() -> None:
    """The nearest is shown, and how many there are."""
    made = [
        Production((Version("d", f"t{n}"),), models=(ModelSource("openai", "gpt-4o"),), produced_at=histories.START)
        for n in range(30)
    ]
    middle = Production((Version("d", "m"),), inputs=tuple(Input(p.outputs[0]) for p in made[1:]))
    target = Production((Version("d", "s"),), inputs=(Input(Version("d", "m")), Input(Version("d", "t0"))))
    with tempfile.TemporaryDirectory() as folder:
        fill(folder, [*made, middle], [(31, True)])
        closure = open_ledger(folder).closure(target)
        finding = verdict(closure, True).findings[0]
    assert finding.versions == 30
    assert [v.name for v in finding.path] == ["s", "t0"]


@settings(max_examples=30, deadline=None)
@given(st.lists(histories.productions, max_size=12), splits, st.lists(histories.versions, max_size=3))
def test_an_impact_in_columns_is_the_same_as_one_in_rows(
    productions: list[Production], cuts: list[tuple[int, bool]], starts: list[Version]
) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        fill(folder, productions, cuts)
        ledger = open_ledger(folder)
        patch.setattr(impact, "HELD", 1_000)
        plain = ledger.impact(starts)
        patch.setattr(impact, "HELD", -1)
        columns = ledger.impact(starts)
        assert isinstance(columns.reached, impact.Columns)
        assert tuple(columns.reached) == plain.reached
        assert columns.downstream == plain.downstream
        everything = range(len(plain.reached))
        assert [columns.reached[i] for i in everything] == list(plain.reached)
        assert [columns.path(i) for i in everything] == [plain.path(i) for i in everything]
