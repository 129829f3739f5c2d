"""The sources of a step: every model and licence behind it, grouped, bounded, and without a say in the verdict."""

from __future__ import annotations

from dataclasses import replace

from lineage_guard.domain.facts import Influence, Input, License, ModelSource, Production, Usage, Version
from lineage_guard.domain.lineage.closure import Closure, close
from lineage_guard.domain.lineage.sources import SourceKind, sources
from lineage_guard.domain.rules.terms import Confidence, Effect, FixedTerms, Terms

GPT = ModelSource("openai", "gpt-4o", channel="api.openai.com")
JUDGE = ModelSource("openai", "gpt-4o", channel="api.openai.com", usage=Usage.FILTER)
TERMS = FixedTerms(
    {
        GPT.model: (
            Terms(
                id="openai-api",
                provider="openai",
                kind="hosted_service",
                license="LicenseRef-x",
                effects={"train_competing": Effect.BLOCK},
                summary="",
                url="",
                confidence=Confidence.VERIFIED,
            ),
        )
    }
)


def of(*made: Production) -> Closure:
    step = Production((Version("d", "student"),), inputs=tuple(Input(p.outputs[0]) for p in made))
    return close(step, made)


def data(
    name: str, *models: ModelSource, licenses: tuple[License, ...] = (), partition: str | None = None
) -> Production:
    return Production((Version("d", name, partition, f"r-{name}-{partition}"),), models=models, licenses=licenses)


def test_a_model_is_one_source_however_many_versions_it_made() -> None:
    found = sources(of(*(data("synthetic", GPT, partition=str(n)) for n in range(5))), TERMS)
    [source] = found
    assert (source.kind, source.name, source.usage, source.terms) == (
        *(SourceKind.MODEL, str(GPT), GPT.usage.value, ("openai-api",)),
    )
    assert source.versions == 5
    assert source.found_in.name == "synthetic"


def test_what_only_chose_is_told_apart() -> None:
    found = sources(of(data("a", GPT), data("b", JUDGE)), TERMS)
    assert {(s.usage, s.influence) for s in found} == {
        (GPT.usage.value, Influence.DIRECT),
        (Usage.FILTER.value, Influence.INDIRECT),
    }


def test_data_is_a_source_by_its_licence_or_its_public_name() -> None:
    cc = License("CC-BY-4.0")
    public = replace(data("s1K"), artefact="simplescaling/s1K")
    found = sources(of(data("a", licenses=(cc,)), data("b", licenses=(cc,)), data("silent"), public), TERMS)
    assert [(s.kind, s.name, s.terms) for s in found] == [
        (SourceKind.DATA, "d:a", ("CC-BY-4.0",)),
        (SourceKind.DATA, "d:b", ("CC-BY-4.0",)),
        (SourceKind.PUBLIC, "simplescaling/s1K", ()),
    ]


def test_there_are_never_more_than_asked_for() -> None:
    many = of(*(data(f"n{n}", replace(GPT, model=f"m{n}"), licenses=(License("MIT"),)) for n in range(40)))
    assert len(sources(many, TERMS, most=7)) == 7
    assert len(sources(many, TERMS)) == 50
