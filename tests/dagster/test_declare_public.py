"""Public artefacts as external assets: every known ancestor drawn, under keys that Dagster accepts."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg
import pytest

from lineage_guard import declaration_of, public_assets
from lineage_guard.catalog import load_catalog, load_policy
from lineage_guard.dagster.public import RESTRICTED_TAG, asset_key_of, specs_of
from lineage_guard.domain.declared.provenance import production_facts
from lineage_guard.domain.errors import DeclarationError
from lineage_guard.domain.facts import Influence, Input, ModelSource, Production, Usage, Version
from lineage_guard.domain.lineage.closure import close, extend
from lineage_guard.domain.rules.terms import FixedTerms
from lineage_guard.domain.rules.waivers import Waivers
from lineage_guard.domain.verdict.decide import decide

SMOLTALK = "HuggingFaceTB/smoltalk"


def test_smoltalk_is_drawn_down_to_gpt_4() -> None:
    specs = {s.key: s for s in public_assets(SMOLTALK)}
    first = next(iter(specs.values()))
    assert first.key.path == ["huggingface", "HuggingFaceTB", "smoltalk"]
    assert first.metadata["lineage_guard/public_id"] == SMOLTALK
    todo, seen = [first.key], set()
    while todo:
        key = todo.pop()
        seen.add(key)
        todo += [d.asset_key for d in specs[key].deps if d.asset_key not in seen]
    assert seen == set(specs)
    openai = [s for s in specs.values() if "openai" in s.kinds]
    assert openai
    assert all(s.tags.get(RESTRICTED_TAG) == "true" for s in openai)
    assert all(set(s.kinds) == {s.key.path[0].lower()} for s in specs.values())


def test_every_known_artefact_makes_one_graph_that_dagster_loads() -> None:
    catalog = load_catalog()
    ids = [a.artefact for a in catalog.ancestry.artefacts if "*" not in a.artefact]
    specs = public_assets(*ids)
    assert len({s.key for s in specs}) == len(specs) >= len(set(ids)) - 5
    graph = dg.Definitions(assets=specs).resolve_asset_graph()
    assert set(graph.external_asset_keys) == {s.key for s in specs}
    for spec in specs:
        declaration = declaration_of(spec.metadata, spec.key.to_user_string())
        assert declaration is not None
        assert declaration.artefact == spec.metadata["lineage_guard/public_id"]


def test_a_drawn_artefact_is_complete_only_through_the_catalog() -> None:
    catalog = load_catalog()
    spec = public_assets(SMOLTALK, ancestors=False)[0]
    assert list(spec.deps) == []
    facts = production_facts(declaration_of(spec.metadata), has_deps=False, is_external=True)
    made = Version("default", "/".join(spec.key.path))
    recorded = Production((made,), completeness=facts.completeness, artefact=facts.artefact)
    step = Production((Version("default", "student"),), inputs=(Input(made),))
    closure = extend(close(step, [recorded]), catalog.ancestry)
    assert all(r.completeness.value == "COMPLETE" for r in closure.reached)
    assert any(m.model.startswith("gpt-4") for r in closure.reached for m in r.models)


def test_what_nobody_has_read_of_an_artefact_is_not_drawn_and_stops_training() -> None:
    catalog = load_catalog()
    known = catalog.ancestry.productions()
    unread = {v: [i.version for i in p.inputs if i.version.namespace == "unread"] for v, p in known.items()}
    [public, *_] = [v for v, inputs in unread.items() if inputs]
    [spec, *_] = public_assets(public.name)
    assert not any("unread" in part for dep in spec.deps for part in dep.asset_key.path)
    facts = production_facts(declaration_of(spec.metadata), has_deps=False, is_external=True)
    made = Version("default", "/".join(spec.key.path))
    recorded = Production((made,), completeness=facts.completeness, artefact=facts.artefact)
    step = Production((Version("default", "student"),), inputs=(Input(made),))
    closure = extend(close(step, [recorded]), catalog.ancestry)
    verdict = decide(closure, load_policy("default", catalog), Waivers(), "train_competing", datetime.now(UTC))
    assert verdict.stops
    assert any(f.subject in unread[public] for f in verdict.findings)


class Two:
    """An ancestry in which one dataset was written by one model and filtered by another."""

    digest = "sha256:two"
    judge, teacher = Version("acme", "judge"), Version("acme", "teacher")
    prompts, data = Version("hub", "org/prompts"), Version("hub", "org/data")

    def version_of(self, public_id: str) -> Version | None:
        return next((v for v in self.productions() if v.name == public_id), None)

    def productions(self) -> dict[Version, Production]:
        models = (ModelSource("acme", "teacher"), ModelSource("acme", "judge", usage=Usage.FILTER))
        return {
            self.data: Production((self.data,), (Input(self.prompts, Influence.INDIRECT),), models),
            self.prompts: Production((self.prompts,)),
            self.teacher: Production((self.teacher,), models=(ModelSource("acme", "teacher"),)),
            self.judge: Production((self.judge,), models=(ModelSource("acme", "judge"),)),
        }


def test_edges_that_carry_only_a_choice_are_told_apart() -> None:
    [data, *others] = specs_of(["org/data"], Two(), FixedTerms())
    assert {s.key.path[-1] for s in others} == {"prompts", "teacher", "judge"}
    assert {d.asset_key.path[-1] for d in data.deps} == {"prompts", "teacher", "judge"}
    assert sorted(data.metadata["lineage_guard/indirect_inputs"]) == ["judge", "org/prompts"]
    declaration = declaration_of(data.metadata)
    assert declaration is not None
    assert sorted(declaration.indirect) == ["acme/judge", "hub/org/prompts"]


def test_an_id_the_catalog_does_not_know_is_refused() -> None:
    with pytest.raises(DeclarationError, match="nobody/has-this"):
        public_assets("nobody/has-this")


def test_two_ids_under_one_key_are_refused_and_not_merged() -> None:
    class Alike(Two):
        def productions(self) -> dict[Version, Production]:
            return {v: Production((v,)) for v in (Version("hub", "org/a-b"), Version("hub", "org/a.b"))}

    assert asset_key_of(Version("hub", "org/a-b")) == asset_key_of(Version("hub", "org/a.b"))
    with pytest.raises(DeclarationError, match="would share one asset key"):
        specs_of(["org/a-b", "org/a.b"], Alike(), FixedTerms())
