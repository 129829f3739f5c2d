"""What an author declares: as JSON, what cannot be read, and what follows from it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from lineage_guard.domain.declared.declaration import Declaration, license_from, model_from
from lineage_guard.domain.declared.influence import ColumnsSaid, Influences, gap, influences
from lineage_guard.domain.declared.observation import Contact, Observation, ObservedModel, Via
from lineage_guard.domain.declared.provenance import ProductionFacts, in_partitions, production_facts
from lineage_guard.domain.errors import DeclarationError
from lineage_guard.domain.facts import (
    Acknowledgement,
    Assertion,
    Completeness,
    Influence,
    Input,
    License,
    LicenseScope,
    ModelSource,
    Pin,
    Usage,
    Version,
)

GPT = ModelSource("openai", "gpt-4o")
WHOLE = {
    "format": 1,
    "models": [
        {
            "provider": "openai",
            "model": "gpt-4o",
            "usage": "FILTER",
            "influence": "INDIRECT",
            "partitions": ["de"],
            "generated_at": "2026-01-01T00:00:00+00:00",
            "asserted_by": "OBSERVED",
        }
    ],
    "licenses": [{"expression": "MIT", "acknowledgement": "CONCLUDED", "applies_to": "MODEL"}],
    "completeness": "INCOMPLETE",
    "artefact": "org/data",
    "human": True,
    "origin": "https://example.org",
    "note": "as it was",
    "indirect": ["scores"],
    "column_lineage": "COMPLETE",
    "parents": ["org/base"],
}
DECLARED = Declaration(
    models=(
        ModelSource(
            "openai",
            "gpt-4o",
            usage=Usage.FILTER,
            influence=Influence.INDIRECT,
            partitions=("de",),
            generated_at=datetime(2026, 1, 1, tzinfo=UTC),
            asserted_by=Assertion.OBSERVED,
        ),
    ),
    licenses=(License("MIT", Acknowledgement.CONCLUDED, LicenseScope.MODEL),),
    completeness=Completeness.INCOMPLETE,
    artefact="org/data",
    human=True,
    origin="https://example.org",
    indirect=("scores",),
    note="as it was",
    column_lineage=Completeness.COMPLETE,
    parents=("org/base",),
)


def test_every_field_has_its_name_in_json() -> None:
    assert DECLARED.to_json() == WHOLE
    assert Declaration.from_json(json.loads(json.dumps(WHOLE))) == DECLARED


def test_words_are_read_as_the_values_that_rules_are_held_against() -> None:
    read = Declaration.from_json(WHOLE)
    [model], [license] = read.models, read.licenses
    assert model.usage is Usage.FILTER
    assert model.influence is Influence.INDIRECT
    assert model.asserted_by is Assertion.OBSERVED
    assert license.acknowledgement is Acknowledgement.CONCLUDED
    assert license.applies_to is LicenseScope.MODEL
    assert read.completeness is Completeness.INCOMPLETE
    assert read.column_lineage is Completeness.COMPLETE


@pytest.mark.parametrize("field", ["usage", "influence", "asserted_by", "generated_at"])
def test_a_word_for_a_model_that_there_is_not_is_refused(field: str) -> None:
    with pytest.raises(ValueError, match="PERHAPS"):
        model_from({"provider": "a", "model": "b", field: "PERHAPS"})


@pytest.mark.parametrize("field", ["acknowledgement", "applies_to"])
def test_a_word_for_a_licence_that_there_is_not_is_refused(field: str) -> None:
    with pytest.raises(ValueError, match="PERHAPS"):
        license_from({"expression": "MIT", field: "PERHAPS"})


def test_what_says_nothing_is_left_out_and_read_as_the_default() -> None:
    assert Declaration().to_json() == {"format": 1, "completeness": "COMPLETE"}
    assert Declaration.from_json({"format": 1}) == Declaration()
    plain = Declaration(models=(GPT,), licenses=(License("MIT"),)).to_json()
    assert plain["models"] == [{"provider": "openai", "model": "gpt-4o", "usage": "GENERATION"}]
    assert plain["licenses"] == [{"expression": "MIT", "applies_to": LicenseScope.DATA.value}]


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        ([], "expected a mapping, found list"),
        ({}, "only format 1 is understood"),
        ({"format": 2}, "only format 1 is understood"),
        ({"format": 1, "z": 1, "surprise": 1}, "unknown field 'surprise'"),
        ({"format": 1, "parents": "org/base"}, "expected a list, found str"),
        ({"format": 1, "indirect": {"a": 1}}, "expected a list, found dict"),
        ({"format": 1, "licenses": "MIT"}, "expected a list, found str"),
        ({"format": 1, "artefact": 7}, "expected text, found int"),
        ({"format": 1, "note": ["n"]}, "expected text, found list"),
        ({"format": 1, "models": ["gpt-4o"]}, "expected a mapping, found str"),
        ({"format": 1, "models": [{"weights": 1, "a": 1}]}, "ModelSource has no field 'a'"),
        ({"format": 1, "licenses": [{"expression": "MIT", "scope": "x"}]}, "License has no field 'scope'"),
        ({"format": 1, "column_lineage": "MOSTLY"}, "'MOSTLY' is not a valid Completeness"),
    ],
)
def test_what_cannot_be_read_says_what_is_wrong_and_where(stored: object, words: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        Declaration.from_json(stored, "stories")
    assert str(caught.value) == str(
        DeclarationError(
            f"this is not a declaration: {words}",
            where="stories",
            fix="build it with lineage_guard.declare(...) or lineage_guard.source(...)",
        )
    )
    assert caught.value.where == "stories"


@pytest.mark.parametrize("value", [1, "true", None, []])
def test_only_true_says_that_people_made_it(value: object) -> None:
    assert Declaration.from_json({"format": 1, "human": value}).human is False


def test_public_parents_are_inputs_of_which_nobody_knows_the_version() -> None:
    assert Declaration().inputs == ()
    assert Declaration(parents=("org/a", "org/b")).inputs == (
        Input(Version("huggingface", "org/a"), pin=Pin.CONSERVATIVE),
        Input(Version("huggingface", "org/b"), pin=Pin.CONSERVATIVE),
    )


@pytest.mark.parametrize(
    "declaration",
    [
        Declaration(models=(GPT,)),
        Declaration(human=True),
        Declaration(origin="o"),
        Declaration(artefact="a"),
        Declaration(parents=("p",)),
    ],
)
def test_each_of_these_names_an_origin(declaration: Declaration) -> None:
    assert declaration.names_an_origin
    assert not Declaration(licenses=(License("MIT"),), indirect=("a",), note="n").names_an_origin


def test_nothing_is_not_a_word_for_a_field_of_its_own() -> None:
    read = model_from({"provider": "a", "model": "b", "influence": None, "generated_at": None})
    assert (read.influence, read.generated_at) == (None, None)
    assert license_from({"expression": "MIT"}) == License("MIT")


PARTIAL = "its author says that more may have taken part than is declared"
NOWHERE = "and no declaration says where it comes from; add lineage_guard.source(...) or declare(...)"
OUTSIDE = "; or, if another code location makes it, guard that one and materialise it"


@pytest.mark.parametrize(
    ("declaration", "has_deps", "external", "note"),
    [
        (None, True, False, None),
        (Declaration(note="n"), True, False, "n"),
        (None, False, False, f"it has no upstream assets {NOWHERE}"),
        (Declaration(note="n"), False, False, f"it has no upstream assets {NOWHERE}"),
        (None, True, True, f"no code here makes it {NOWHERE}{OUTSIDE}"),
        (Declaration(completeness=Completeness.UNKNOWN), True, False, PARTIAL),
        (Declaration(completeness=Completeness.UNKNOWN, note="n"), True, False, "n"),
        (Declaration(human=True), False, False, None),
        (Declaration(human=True, completeness=Completeness.INCOMPLETE), False, False, PARTIAL),
        (Declaration(human=True, completeness=Completeness.INCOMPLETE, note="n"), False, False, "n"),
        (
            Declaration(artefact="org/x"),
            False,
            False,
            "it is declared to be org/x, and the catalog does not know how that was made",
        ),
        (Declaration(artefact="org/x", note="n"), False, False, "n"),
        (Declaration(artefact="org/x", completeness=Completeness.INCOMPLETE), False, False, PARTIAL),
        (Declaration(artefact="org/x", human=True, note="n"), False, False, "n"),
    ],
)
def test_why_there_is_a_gap_is_said(
    declaration: Declaration | None, has_deps: bool, external: bool, note: str | None
) -> None:
    assert production_facts(declaration, has_deps, external).note == note


def test_what_is_declared_is_kept() -> None:
    licenses = (License("MIT"),)
    facts = production_facts(Declaration((GPT,), licenses, artefact="org/x"), False, False)
    assert facts == ProductionFacts((GPT,), licenses, Completeness.COMPLETE, Assertion.DECLARED, "org/x", None)
    partly = production_facts(Declaration(licenses=licenses, completeness=Completeness.INCOMPLETE), True, False)
    assert partly == ((), licenses, Completeness.INCOMPLETE, Assertion.DECLARED, None, PARTIAL)
    for by in (Declaration(licenses=licenses), Declaration(licenses=licenses, note="n")):
        assert production_facts(by, True, False)[:5] == ((), licenses, Completeness.COMPLETE, Assertion.DECLARED, None)
        assert production_facts(by, False, False)[:5] == (
            (), licenses, Completeness.INCOMPLETE, Assertion.DECLARED, None,
        )  # fmt: skip


def test_a_public_id_alone_says_nothing_of_the_making() -> None:
    alone = Declaration(artefact="org/x")
    for by in (alone, replace(alone, parents=("org/base",))):
        assert production_facts(by, False, False).completeness is Completeness.UNKNOWN
    for by in (replace(alone, human=True), replace(alone, origin="o"), replace(alone, models=(GPT,))):
        assert production_facts(by, False, False).completeness is Completeness.COMPLETE


@pytest.mark.parametrize("has_deps", [False, True])
def test_who_declares_nothing_has_not_declared_it(has_deps: bool) -> None:
    assert production_facts(None, has_deps, False).asserted_by is Assertion.INFERRED
    assert production_facts(Declaration(note="n"), has_deps, False).asserted_by is Assertion.DECLARED


DE = ModelSource("openai", "gpt-4o", partitions=("de",))
EN = ModelSource("openai", "gpt-5", partitions=("en", "fr"))


def facts_of(*models: ModelSource, note: str | None = None) -> ProductionFacts:
    return ProductionFacts(models, (), Completeness.COMPLETE, Assertion.DECLARED, None, note)


@pytest.mark.parametrize(
    ("written", "has_deps", "models", "complete", "note"),
    [
        (["de"], False, (DE,), True, None),
        (["de", "fr"], False, (DE, EN), True, None),
        (["it"], False, (), False, "no declared model is said to have written partition it"),
        (["de", "it", "es"], False, (DE,), False, "no declared model is said to have written partition it"),
        (["it"], True, (), True, None),
    ],
)
def test_models_of_other_partitions_are_left_out(
    written: list[str], has_deps: bool, models: tuple[ModelSource, ...], complete: bool, note: str | None
) -> None:
    found = in_partitions(facts_of(DE, EN), written, has_deps)
    completeness = Completeness.COMPLETE if complete else Completeness.INCOMPLETE
    assert found == facts_of(*models)._replace(completeness=completeness, note=note)
    if note:
        assert in_partitions(facts_of(DE, EN, note="n"), written, has_deps).note == f"n; {note}"


def test_a_partition_that_does_not_exist_counts_for_all() -> None:
    odd = "gpt-5 is declared for partition 'fr', which does not exist, so it counts for all"
    found = in_partitions(facts_of(DE, EN), ["de"], False, lambda key: key != "fr")
    assert found == facts_of(DE, EN, note=odd)
    assert in_partitions(facts_of(DE, EN, note="n"), ["de"], False, lambda key: key != "fr").note == f"n; {odd}"
    assert in_partitions(facts_of(), ["de"], False) == facts_of(), "no model is declared for any"


def test_a_column_that_goes_on_from_what_the_table_held_names_no_strange_source() -> None:
    said = ColumnsSaid(["a"], {"a": [("table", "a"), ("raw", "b")]}, Completeness.COMPLETE)
    assert influences("table", ["raw", "scores"], said) == Influences(
        {"raw": Influence.DIRECT, "scores": Influence.INDIRECT}
    )


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (
            ColumnsSaid((), {"a": [("raw", "b")]}),
            "the columns of the table are not recorded with it (dagster/column_schema)",
        ),
        (ColumnsSaid(["a"]), "none is recorded with it (dagster/column_lineage)"),
        (ColumnsSaid(["a"], {"a": [("raw", "b")]}), None),
    ],
)
def test_why_column_lineage_is_not_whole(said: ColumnsSaid, why: str | None) -> None:
    assert gap("table", ["raw"], said) == why


SEEN = Observation(
    (ObservedModel("m", "p", "asked", "h", "v", "sha256:d", Usage.FILTER, 3, ("r1",), (Via.HTTP, Via.SPAN)),),
    (Contact("h2", "q", 2),),
    ("de",),
    4,
)
SEEN_JSON = {
    "format": 1,
    "models": [
        {
            "model": "m",
            "provider": "p",
            "requested": "asked",
            "host": "h",
            "version": "v",
            "digest": "sha256:d",
            "usage": "FILTER",
            "calls": 3,
            "response_ids": ["r1"],
            "via": ["http", "span"],
        }
    ],
    "contacts": [{"host": "h2", "provider": "q", "times": 2}],
    "partitions": ["de"],
    "subprocesses": 4,
}


def test_what_was_seen_has_its_names_in_json() -> None:
    assert json.loads(json.dumps(SEEN.to_json())) == SEEN_JSON
    assert Observation.from_json(SEEN_JSON) == SEEN
    assert Observation.from_json(SEEN_JSON).models[0].usage is Usage.FILTER
    assert Observation().to_json() == {"format": 1}
    assert Observation.from_json({"format": 1}) == Observation()
    least = Observation.from_json({"format": 1, "models": [{"model": "m", "provider": "p"}]})
    assert least == Observation((ObservedModel("m", "p"),))


@pytest.mark.parametrize(
    ("host", "via", "channel"),
    [
        (None, (Via.WEIGHTS,), "self-hosted"),
        (None, (Via.SPAN,), None),
        ("https://API.example/v1", (Via.HTTP,), "api.example"),
        ("api.example", (Via.HTTP, Via.WEIGHTS), "api.example"),
    ],
)
def test_the_channel_is_where_the_answer_came_from(host: str | None, via: tuple[Via, ...], channel: str | None) -> None:
    assert ObservedModel("m", "p", host=host, via=via).channel == channel


def test_steps_that_made_the_same_data_are_joined_without_doubles() -> None:
    other = Observation((ObservedModel("o", "p"),), (Contact("h3", "q"),), ("en",), 1)
    assert SEEN.joined([other, SEEN]) == Observation(
        (*other.models, *SEEN.models), (*other.contacts, *SEEN.contacts), ("en", "de"), 9
    )
    assert bool(Observation(contacts=SEEN.contacts))
    assert bool(Observation(SEEN.models))
    assert not Observation(partitions=("de",), subprocesses=1)


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        ({"format": 2}, "only format 1 is understood"),
        ({"models": []}, "only format 1 is understood"),
        ({"format": 1, "contacts": [{"host": "h", "provider": "p"}]}, "'times'"),
    ],
)
def test_an_observation_that_cannot_be_read_says_what_is_wrong_and_where(stored: object, words: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        Observation.from_json(stored, "stories")
    assert str(caught.value) == str(
        DeclarationError(
            f"this is not an observation: {words}",
            where="stories",
            fix="leave the metadata lineage_guard/observed to the guard, and materialise the asset again",
        )
    )


def test_a_step_that_could_not_be_observed_says_why() -> None:
    with pytest.raises(DeclarationError) as caught:
        Observation.from_json({"format": 1, "error": "no room"}, "stories")
    assert str(caught.value) == str(
        DeclarationError(
            "the step could not be observed: no room",
            where="stories",
            fix="see the step's log, mend it, and materialise the asset again",
        )
    )
