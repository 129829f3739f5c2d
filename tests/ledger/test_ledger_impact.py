"""Downstream impact: the closure read the other way round."""

import tempfile

import histories
from histories import fill, splits
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage_guard.domain.facts import Influence, Input, ModelSource, Pin, Production, Version, union
from lineage_guard.domain.lineage.closure import close
from lineage_guard.ledger import open_ledger


@settings(max_examples=60, deadline=None)
@given(st.lists(histories.productions, max_size=12), splits, st.lists(histories.versions, max_size=3))
def test_impact_is_the_closure_turned_round(
    productions: list[Production], cuts: list[tuple[int, bool]], starts: list[Version]
) -> None:
    """A version is downstream of a start exactly when the start is upstream of it, and as DIRECT."""
    with tempfile.TemporaryDirectory() as folder:
        fill(folder, productions, cuts)
        impact = open_ledger(folder).impact(starts)
    by_version = {v: union([p for p in productions if v in p.outputs]) for p in productions for v in p.outputs}
    expected: dict[Version, Influence] = dict.fromkeys(starts, Influence.DIRECT)
    for version, production in by_version.items():
        # The closure of a step that reads what this version's records read.
        step = Production((version,), inputs=production.inputs)
        found = [r.influence for r in close(step, productions).reached[1:] if r.version in starts]
        if found and version not in starts:
            expected[version] = Influence.DIRECT if Influence.DIRECT in found else Influence.INDIRECT
    assert {a.version: a.influence for a in impact.reached} == expected
    assert len(impact.reached) == len(expected)
    assert [a.version for a in impact.reached[: impact.starts]] == list(dict.fromkeys(starts))
    for n, a in enumerate(impact.downstream, impact.starts):
        came_from = impact.reached[a.toward]
        assert a.depth == came_from.depth + 1
        edges = [i for i in by_version[a.version].inputs if i.version == came_from.version]
        assert edges
        if a.influence is Influence.DIRECT:
            assert came_from.influence is Influence.DIRECT
            assert any(i.influence is Influence.DIRECT for i in edges)
        if came_from.pin is Pin.CONSERVATIVE:
            assert a.pin is Pin.CONSERVATIVE
        assert impact.path(n)[-1] == a.version
        assert impact.path(n)[0] in starts


def test_starts_at_what_a_model_made_in_index_and_tail() -> None:
    def made(n: int, name: str, *models: ModelSource, reads: str = "") -> dict[str, object]:
        inputs = (Input(Version("d", reads)),) if reads else ()
        return histories.event(n, Production((Version("d", name),), inputs=inputs, models=models))

    with tempfile.TemporaryDirectory() as folder:
        ledger = open_ledger(folder)
        ledger.append([made(0, "old", ModelSource("openai", "gpt-4o-2024-08-06")), made(1, "other")])
        assert ledger.compact()
        ledger.append([made(2, "new", ModelSource("azure", "gpt-4o")), made(3, "student", reads="new")])
        ledger.append([made(4, "local", ModelSource("meta", "llama-3"), reads="other")])

        def names(**question: str) -> tuple[set[str], set[str]]:
            impact = ledger.impact(**question)
            return {a.version.name for a in impact.reached[: impact.starts]}, {
                a.version.name for a in impact.downstream
            }

        assert names(model="gpt-4o*") == ({"old", "new"}, {"student"})
        assert names(model="gpt-4o*", provider="openai") == ({"old"}, set())
        assert names(model="llama-?") == ({"local"}, set())
        assert names(model="GPT-4o") == ({"new"}, {"student"})
        assert ledger.impact([Version("d", "never heard of")]).downstream == ()


def test_a_chain_of_thousands_is_followed_to_its_end() -> None:
    length = 3_000
    names = [Version("d", f"t{n}", None, histories.run_uuid(n)) for n in range(length)]
    chain = [Production((names[n + 1],), inputs=(Input(names[n]),)) for n in range(length - 1)]
    with tempfile.TemporaryDirectory() as folder:
        ledger = open_ledger(folder)
        ledger.append(histories.history(chain[: length // 2]))
        ledger.compact()
        ledger.append(histories.history(chain)[length // 2 :])
        impact = ledger.impact([names[0]])
        assert [a.version for a in impact.reached] == names
        assert impact.path(length - 1) == tuple(names)
