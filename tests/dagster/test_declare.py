"""Declarations travel through Dagster's metadata and tags, and bad ones are refused by name."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lineage_guard
from lineage_guard import Completeness, License, ModelSource, Usage, declare, source, synthetic_asset, training
from lineage_guard.dagster.declare import DECLARATION_KEY, USE_TAG, declaration_of, metadata_of, use_of
from lineage_guard.domain.declared.declaration import Declaration
from lineage_guard.domain.declared.provenance import production_facts
from lineage_guard.domain.errors import DeclarationError
from lineage_guard.domain.facts import Acknowledgement, Assertion, Influence, LicenseScope

GPT = ModelSource(provider="openai", model="gpt-4o-2024-08-06", channel="api.openai.com")

texts = st.text(min_size=1, max_size=20)
maybe = st.none() | texts
sources = st.builds(
    ModelSource,
    provider=texts,
    model=texts,
    version=maybe,
    channel=maybe,
    usage=st.sampled_from(Usage),
    influence=st.none() | st.sampled_from(Influence),
    license=maybe,
    terms=maybe,
    purl=maybe,
    digest=maybe,
    base_models=st.lists(texts, max_size=2).map(tuple),
    fields=st.lists(texts, max_size=2).map(tuple),
    partitions=st.lists(texts, max_size=2).map(tuple),
    record_count=st.none() | st.integers(0, 10**12),
    generated_at=st.none() | st.datetimes(timezones=st.just(UTC)),
    asserted_by=st.sampled_from(Assertion),
)
licenses = st.builds(
    License,
    expression=texts,
    acknowledgement=st.sampled_from(Acknowledgement),
    applies_to=st.sampled_from(LicenseScope),
    url=maybe,
    terms_version=maybe,
    effective_from=maybe,
    text_digest=maybe,
    restrictions=st.lists(texts, max_size=2).map(tuple),
    obligations=st.lists(texts, max_size=2).map(tuple),
)
declarations = st.builds(
    Declaration,
    models=st.lists(sources, max_size=2).map(tuple),
    licenses=st.lists(licenses, max_size=2).map(tuple),
    completeness=st.sampled_from(Completeness),
    artefact=maybe,
    human=st.booleans(),
    origin=maybe,
    indirect=st.lists(texts, max_size=2).map(tuple),
    note=maybe,
    column_lineage=st.sampled_from(Completeness),
    parents=st.lists(texts, max_size=2).map(tuple),
)


@given(declarations)
def test_every_declaration_survives_json(declaration: Declaration) -> None:
    stored = json.loads(json.dumps(declaration.to_json()))
    assert Declaration.from_json(stored) == declaration


@given(declarations)
def test_every_declaration_survives_dagster_metadata(declaration: Declaration) -> None:
    metadata = metadata_of(declaration)
    spec = dg.AssetSpec("a", metadata=metadata)
    assert declaration_of(spec.metadata) == declaration
    materialization = dg.AssetMaterialization("a", metadata=metadata)
    assert declaration_of(materialization.metadata) == declaration


def test_declare_on_every_kind_of_asset_definition() -> None:
    declared = declare(GPT, licenses=["LicenseRef-mine"])

    @dg.asset(metadata={"mine": 1, **declared})
    def plain(): ...

    @dg.multi_asset(specs=[dg.AssetSpec("one", metadata=declared), dg.AssetSpec("two")])
    def several(): ...

    @dg.op
    def work(): ...

    @dg.graph_asset(metadata=declared)
    def graphed():
        return work()

    external = dg.AssetSpec("outside", metadata=declared)
    expected = Declaration(models=(GPT,), licenses=(License("LicenseRef-mine"),))
    assert declaration_of(plain.specs_by_key[plain.key].metadata) == expected
    assert declaration_of(several.specs_by_key[dg.AssetKey("one")].metadata) == expected
    assert declaration_of(several.specs_by_key[dg.AssetKey("two")].metadata) is None
    assert declaration_of(graphed.specs_by_key[graphed.key].metadata) == expected
    assert declaration_of(external.metadata) == expected
    assert plain.specs_by_key[plain.key].metadata["mine"] == 1


def test_the_declaration_is_json_that_the_ui_can_show() -> None:
    value = declare(GPT)[DECLARATION_KEY]
    assert isinstance(value, dg.JsonMetadataValue)
    assert value.data == {
        "format": 1,
        "models": [
            {"provider": "openai", "model": "gpt-4o-2024-08-06", "channel": "api.openai.com", "usage": "GENERATION"}
        ],
        "completeness": "COMPLETE",
    }


def test_words_are_taken_for_enum_values() -> None:
    declared = declare(ModelSource("openai", "gpt-4o", usage="FILTER"), completeness="INCOMPLETE")  # type: ignore[arg-type]
    read = declaration_of(declared)
    assert read is not None
    assert read.models[0].usage is Usage.FILTER
    assert read.completeness is Completeness.INCOMPLETE


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: declare(asset="stories"), "says nothing"),
        (lambda: declare("gpt-4o", asset="stories"), "not a ModelSource"),
        (lambda: declare(ModelSource("openai", " "), asset="stories"), "no model"),
        (lambda: declare(ModelSource("", "gpt-4o"), asset="stories"), "no provider"),
        (lambda: declare(ModelSource("a", "b", usage="INVENTING"), asset="stories"), "INVENTING"),  # type: ignore[arg-type]
        (lambda: declare(ModelSource("a", "b", license="Appache-2.0"), asset="stories"), "Appache-2.0"),
        (lambda: declare(GPT, licenses=["MIT AND ("], asset="stories"), "cannot be read"),
        (lambda: declare(GPT, completeness="MOSTLY", asset="stories"), "MOSTLY"),  # type: ignore[arg-type]
        (lambda: source(asset="stories"), "where the data comes from"),
        (lambda: source(license="MIT", asset="stories"), "where the data comes from"),
        (lambda: source(human=True, license="free", asset="stories"), "'free'"),
    ],
)
def test_a_bad_declaration_names_the_asset_and_the_way_out(call, words) -> None:
    with pytest.raises(DeclarationError) as caught:
        call()
    assert words in str(caught.value)
    assert caught.value.where == "stories"
    assert "To fix:" in str(caught.value)


def test_without_an_asset_name_the_error_names_the_line_of_the_caller() -> None:
    with pytest.raises(DeclarationError) as caught:
        declare()
    assert caught.value.where is not None
    assert "test_declare.py:" in caught.value.where


@pytest.mark.parametrize(
    "stored",
    [
        {},
        [],
        "openai/gpt-4o",
        {"format": 2, "completeness": "COMPLETE"},
        {"format": 1, "models": [{"provider": "openai"}]},
        {"format": 1, "models": [{"provider": "openai", "model": "m", "weights": 1}]},
        {"format": 1, "completeness": "PERHAPS"},
        {"format": 1, "surprise": 1},
        {"format": 1, "models": "openai"},
        {"format": 1, "origin": 7},
    ],
)
def test_a_declaration_that_cannot_be_read_is_an_error_and_never_absent(stored: object) -> None:
    with pytest.raises(DeclarationError) as caught:
        declaration_of({DECLARATION_KEY: stored}, asset="stories")
    assert caught.value.where == "stories"


def test_training_tags_are_valid_in_dagster() -> None:
    @dg.asset(tags={"mine": "x", **training(use="train_internal_classifier")})
    def student(): ...

    tags = student.specs_by_key[student.key].tags
    assert tags == {"mine": "x", USE_TAG: "train_internal_classifier"}
    assert use_of(tags) == "train_internal_classifier"
    assert use_of({}) is None
    assert training() == {USE_TAG: "train_competing"}


@pytest.mark.parametrize("use", ["", "train competing", "x" * 64, "a/b"])
def test_a_use_that_cannot_be_a_tag_is_refused(use: str) -> None:
    with pytest.raises(DeclarationError):
        training(use=use)


@pytest.mark.parametrize(
    ("declaration", "has_deps", "external", "completeness", "asserted_by"),
    [
        (None, True, False, "COMPLETE", "INFERRED"),
        (None, False, False, "INCOMPLETE", "INFERRED"),
        (None, False, True, "INCOMPLETE", "INFERRED"),
        (None, True, True, "INCOMPLETE", "INFERRED"),
        (Declaration(models=(GPT,)), False, False, "COMPLETE", "DECLARED"),
        (Declaration(models=(GPT,), completeness=Completeness.INCOMPLETE), True, False, "INCOMPLETE", "DECLARED"),
        (Declaration(human=True), False, True, "COMPLETE", "DECLARED"),
        (Declaration(origin="https://example.org"), False, False, "COMPLETE", "DECLARED"),
        (Declaration(artefact="org/x"), False, False, "UNKNOWN", "DECLARED"),
        (Declaration(artefact="org/x"), True, True, "UNKNOWN", "DECLARED"),
        (Declaration(artefact="org/x"), True, False, "UNKNOWN", "DECLARED"),
        (Declaration(artefact="org/x", human=True), False, True, "COMPLETE", "DECLARED"),
        # A licence says what may be done with data, not where it came from.
        (Declaration(licenses=(License("MIT"),)), False, False, "INCOMPLETE", "DECLARED"),
        (Declaration(licenses=(License("MIT"),)), True, False, "COMPLETE", "DECLARED"),
        (Declaration(completeness=Completeness.INCOMPLETE, note="n"), True, False, "INCOMPLETE", "DECLARED"),
    ],
)
def test_silence_is_turned_into_a_gap(declaration, has_deps, external, completeness, asserted_by) -> None:
    facts = production_facts(declaration, has_deps=has_deps, is_external=external)
    assert facts.completeness == Completeness(completeness)
    assert facts.asserted_by == Assertion(asserted_by)
    assert facts.completeness is Completeness.COMPLETE or facts.note


@given(st.none() | declarations, st.booleans(), st.booleans())
def test_nothing_declared_is_lost_and_nothing_becomes_complete_by_itself(declaration, has_deps, external) -> None:
    facts = production_facts(declaration, has_deps, external)
    assert facts.models == (declaration.models if declaration else ())
    assert facts.licenses == (declaration.licenses if declaration else ())
    if facts.completeness is Completeness.COMPLETE:
        assert declaration is None or declaration.completeness is Completeness.COMPLETE
        assert (has_deps and not external) or (declaration is not None and declaration.names_an_origin)


def test_synthetic_asset_is_an_asset_with_the_declaration_filled_in() -> None:
    partitions = dg.StaticPartitionsDefinition(["de", "en"])

    @synthetic_asset(
        GPT,
        licenses=["LicenseRef-mine"],
        key_prefix="made",
        deps=["prompts"],
        kinds={"duckdb"},
        owners=["team:data"],
        tags={"t": "1"},
        metadata={"mine": 1},
        partitions_def=partitions,
        group_name="made",
    )
    def stories():
        """What a model wrote."""

    spec = stories.specs_by_key[dg.AssetKey(["made", "stories"])]
    assert declaration_of(spec.metadata) == Declaration(models=(GPT,), licenses=(License("LicenseRef-mine"),))
    assert spec.metadata["mine"] == 1
    assert spec.kinds == {"duckdb", "synthetic"}
    assert spec.tags["t"] == "1"
    assert list(spec.owners) == ["team:data"]
    assert spec.group_name == "made"
    assert spec.description == "What a model wrote."
    assert [d.asset_key.path for d in spec.deps] == [["prompts"]]
    assert stories.partitions_def == partitions


def test_synthetic_asset_keeps_three_kinds_of_its_user() -> None:
    @synthetic_asset(GPT, kinds={"a", "b", "c"})
    def stories(): ...

    assert stories.specs_by_key[stories.key].kinds == {"a", "b", "c"}


def test_synthetic_asset_without_a_provider_names_the_asset() -> None:
    with pytest.raises(DeclarationError) as caught:

        @synthetic_asset(ModelSource("", "gpt-4o"))
        def stories(): ...

    assert caught.value.where == "stories"


def test_synthetic_asset_may_leave_the_declaration_to_what_is_observed() -> None:
    @synthetic_asset()
    def stories(): ...

    spec = stories.specs_by_key[stories.key]
    assert declaration_of(spec.metadata) is None
    assert spec.kinds == {"synthetic"}


def test_generated_at_keeps_its_offset() -> None:
    at = datetime(2026, 1, 1, 12, tzinfo=UTC)
    read = declaration_of(declare(ModelSource("a", "b", generated_at=at)))
    assert read is not None
    assert read.models[0].generated_at == at


def test_public_names_come_from_the_package() -> None:
    assert lineage_guard.declare is declare
    assert lineage_guard.ModelSource is ModelSource
