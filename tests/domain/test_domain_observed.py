"""What a step was seen to use, as models of what it made, and how it differs from what is declared, in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from lineage_guard.domain.declared.declaration import Declaration
from lineage_guard.domain.declared.observation import ANY, Contact, Observation, ObservedModel
from lineage_guard.domain.declared.observed import (
    Difference,
    differences,
    observed_models,
    unexplained,
    with_observation,
)
from lineage_guard.domain.declared.provenance import ProductionFacts, production_facts
from lineage_guard.domain.facts import Assertion, Completeness, ModelSource, Usage
from lineage_guard.domain.rules.policy import ReasonCode
from lineage_guard.domain.rules.terms import FixedTerms, Resolution, Terms, Unresolved

DAY = date(2026, 11, 22)
AT = datetime(2026, 1, 1, tzinfo=UTC)
WHOLE = ObservedModel("gpt-4o-2024-08-06", "openai", "gpt-4o", "api.openai.com", "rev", "sha256:d", Usage.SCORING, 7)
HOST = "api.openai.com"
OPENAI = Contact(HOST, "openai", 3)


def seen_as(*models: ObservedModel, declared: tuple[ModelSource, ...] = (), silent: bool = False, **seen: object):
    return observed_models(Observation(models, **seen), declared, silent=silent)


def test_what_nobody_declares_is_all_that_was_seen_of_it() -> None:
    bare = ModelSource(
        "openai", "gpt-4o-2024-08-06", "rev", HOST, Usage.SCORING, digest="sha256:d", asserted_by=Assertion.OBSERVED
    )
    assert seen_as(WHOLE) == (bare,)
    assert seen_as(WHOLE, declared=(ModelSource("a", "b"),)) == (bare,)
    [plain] = seen_as(replace(WHOLE, usage=None))
    assert plain.usage is Usage.GENERATION, "nothing says that it only chose"


def test_what_is_declared_keeps_what_its_author_says_beside_what_was_seen() -> None:
    declared = ModelSource(
        "azure", "gpt-4o", "v1", "azure", Usage.FILTER, terms="ours", digest="sha256:e", record_count=9, generated_at=AT
    )
    expected = ModelSource(
        "azure", "gpt-4o-2024-08-06", "rev", HOST, Usage.FILTER, terms="ours", digest="sha256:d",
        asserted_by=Assertion.OBSERVED,
    )  # fmt: skip
    assert seen_as(WHOLE, declared=(declared,)) == (expected,)
    base = replace(declared, usage=Usage.BASE_MODEL)
    assert seen_as(WHOLE, declared=(declared, base)) == (
        expected,
        replace(expected, usage=Usage.BASE_MODEL, generated_at=AT),
    )


def test_a_host_that_was_reached_is_some_model_of_whoever_answers_there() -> None:
    some = ModelSource("openai", ANY, channel=HOST, asserted_by=Assertion.OBSERVED)
    assert seen_as(contacts=(OPENAI, OPENAI)) == (some,)
    assert seen_as(contacts=(OPENAI,), silent=True) == (some,)


def test_in_silence_what_answered_stands_in_but_not_what_nobody_knows() -> None:
    known, unknown = seen_as(WHOLE, ObservedModel(ANY, "openai"), silent=True)
    assert (known.asserted_by, unknown.asserted_by) == (Assertion.INFERRED, Assertion.OBSERVED)


GPT = ModelSource("openai", "gpt-4o", channel=HOST)
FACTS = ProductionFacts((GPT,), (), Completeness.COMPLETE, Assertion.DECLARED, "org/x", "n")
SEEN = Observation((WHOLE,))
SILENT = production_facts(None, has_deps=False, is_external=False)


def test_without_anything_seen_the_facts_stand() -> None:
    assert with_observation(FACTS, Declaration((GPT,)), None, None) is FACTS
    assert with_observation(FACTS, Declaration((GPT,)), Observation(subprocesses=1), None) is FACTS


def test_what_was_seen_is_added_to_what_is_declared() -> None:
    found = with_observation(FACTS, Declaration((GPT,)), SEEN, None)
    assert found == FACTS._replace(models=(GPT, *seen_as(WHOLE, declared=(GPT,))))


@pytest.mark.parametrize("declaration", [None, Declaration()])
def test_what_answered_stands_in_for_a_declaration_that_says_nothing(declaration: Declaration | None) -> None:
    facts = production_facts(declaration, has_deps=False, is_external=False)
    assert with_observation(facts, declaration, SEEN, None) == facts._replace(
        models=seen_as(WHOLE, silent=True),
        completeness=Completeness.COMPLETE,
        asserted_by=Assertion.INFERRED,
        note="nobody declares what made it; the models that were seen to answer stand in for a declaration",
    )


def test_it_is_no_more_complete_than_what_was_seen() -> None:
    found = with_observation(SILENT, None, Observation((WHOLE,), (OPENAI,)), None)
    assert (found.completeness, found.asserted_by) == (Completeness.INCOMPLETE, Assertion.INFERRED)
    only = with_observation(SILENT, None, Observation(contacts=(OPENAI,)), None)
    assert only == SILENT._replace(models=seen_as(contacts=(OPENAI,)))


def test_what_was_seen_of_another_partition_is_left_out() -> None:
    german = replace(GPT, partitions=("de",))
    seen = Observation((WHOLE,), partitions=("de", "fr"))
    assert with_observation(FACTS, Declaration((german,)), seen, "fr") == FACTS
    [_, found] = with_observation(FACTS, Declaration((german,)), seen, "de").models
    assert found.partitions == ("de",)


def difference(seen: ModelSource, *declared: ModelSource) -> list[Difference]:
    return list(differences([*declared, seen], FixedTerms(), DAY))


def observed(model: str, channel: str | None = HOST, digest: str | None = None, provider: str = "openai"):
    return ModelSource(provider, model, channel=channel, digest=digest, asserted_by=Assertion.OBSERVED)


MINI, LLAMA = observed("gpt-4o-mini"), ModelSource("meta", "llama", channel="self-hosted", digest="sha256:l")
FOUR = [ModelSource("p", f"m{n}") for n in range(4)]
OTHER, UNDECLARED, CHANNEL, DIGEST = (
    ReasonCode.OBSERVED_OTHER_MODEL,
    ReasonCode.OBSERVED_UNDECLARED_PROVIDER,
    ReasonCode.OBSERVED_OTHER_CHANNEL,
    ReasonCode.OBSERVED_DIGEST_UNKNOWN,
)


@pytest.mark.parametrize(
    ("seen", "declared", "reason", "how"),
    [
        (MINI, [], UNDECLARED, f"{MINI} was seen to answer; no model is declared"),
        (MINI, [GPT], OTHER, f"{MINI} was seen to answer; declared is {GPT}"),
        (MINI, [LLAMA, GPT], OTHER, f"{MINI} was seen to answer; declared is {LLAMA}, {GPT}"),
        (MINI, [ModelSource(" OpenAI ", "o1", channel="x")], OTHER,
         f"{MINI} was seen to answer; declared is  OpenAI /o1 via x"),
        (MINI, [ModelSource("x", "o1", channel=HOST)], OTHER,
         f"{MINI} was seen to answer; declared is x/o1 via {HOST}"),
        (MINI, [LLAMA], UNDECLARED, f"{MINI} was seen to answer; declared is {LLAMA}"),
        (replace(MINI, provider="z", channel="z"), [replace(m, channel="y") for m in FOUR[:3]], UNDECLARED,
         "z/gpt-4o-mini via z was seen to answer; declared is p/m0 via y, p/m1 via y, p/m2 via y"),
        (replace(MINI, provider="z", channel="z"), [replace(m, channel="y") for m in FOUR], UNDECLARED,
         "z/gpt-4o-mini via z was seen to answer; declared is p/m0 via y, p/m1 via y, p/m2 via y and others"),
        (observed(ANY), [GPT], UNDECLARED,
         f"{HOST}, where openai answers, was reached, and which model answered was not seen; declared is {GPT}"),
        (observed("gpt-4o", "openrouter.ai"), [GPT], CHANNEL,
         f"gpt-4o was seen to answer through openrouter.ai; declared is {GPT}"),
        (observed("llama", "self-hosted", "sha256:z", "meta"), [LLAMA], OTHER,
         "the weights of llama that were loaded have the digest sha256:z, another than is declared"),
        (observed("llama", "self-hosted", None, "meta"), [replace(LLAMA, digest=None)], DIGEST,
         "llama answered on this machine, and the digest of its weights was neither seen nor declared"),
    ],
)  # fmt: skip
def test_each_difference_is_one_sentence(
    seen: ModelSource, declared: list[ModelSource], reason: ReasonCode, how: str
) -> None:
    assert difference(seen, *declared) == [Difference(reason, seen, how)]


def test_what_stands_in_says_so() -> None:
    inferred = replace(MINI, asserted_by=Assertion.INFERRED)
    how = f"nobody declares what made it; {MINI} was seen to answer, and stands in for a declaration"
    assert difference(inferred) == [Difference(ReasonCode.INFERRED_DECLARATION, inferred, how)]


@pytest.mark.parametrize(
    ("seen", "declared"),
    [
        (observed("gpt-4o"), [GPT]),
        (observed("gpt-4o", None), [GPT]),
        (observed("gpt-4o"), [replace(GPT, channel=None)]),
        (observed("gpt-4o"), [replace(GPT, channel="other"), GPT]),
        (observed("llama", "self-hosted", "sha256:l", "meta"), [LLAMA]),
        (observed("llama", "self-hosted", "sha256:z", "meta"), [LLAMA, replace(LLAMA, digest="sha256:z")]),
        (observed("llama", "self-hosted", "sha256:z", "meta"), [replace(LLAMA, digest=None)]),
        (observed("llama", "self-hosted", None, "meta"), [LLAMA]),
        (observed("llama", "vllm.models.svc", None, "meta"), [LLAMA]),
    ],
)
def test_what_is_as_declared_is_no_difference(seen: ModelSource, declared: list[ModelSource]) -> None:
    assert difference(seen, *declared) == []


def test_weights_that_nobody_declares_and_nobody_measured_are_two_differences() -> None:
    seen = observed("llama", "self-hosted", None, "meta")
    assert [d.reason for d in difference(seen, GPT)] == [UNDECLARED, DIGEST]
    assert [d.reason for d in difference(replace(seen, digest="sha256:l"), GPT)] == [UNDECLARED]


def test_nothing_is_held_against_what_was_not_seen() -> None:
    assert difference(GPT) == []


def terms(name: str) -> Terms:
    return Terms(name, "p", "hosted_service", "LicenseRef-x", {})


class Services(FixedTerms):
    """On one day two hosts are the same service; a third adds terms of its own, of a fourth nobody knows enough."""

    def resolve(self, model: ModelSource, on: date | None) -> Resolution:
        layers = {
            "a": (terms("one"),),
            "b": (terms("one"),) if on == DAY else (terms("two"),),
            "more": (terms("one"), terms("more")),
            "half": (terms("one"),),
            "self-hosted": (terms("one"),),
        }.get(model.channel or "", ())
        return Resolution(layers, Unresolved.UNKNOWN_CHANNEL if model.channel == "half" else None)


@pytest.mark.parametrize(
    ("stated", "channel", "on", "same"),
    [
        ("a", "b", DAY, True),
        ("b", "a", DAY, True),
        ("a", "b", None, False),
        ("b", "a", None, False),
        ("a", "more", DAY, False),
        ("more", "a", DAY, False),
        ("a", "half", DAY, False),
        ("half", "a", DAY, False),
        ("x", "y", DAY, False),
        ("self-hosted", "api.example", DAY, False),
    ],
)
def test_another_name_of_the_same_service_is_no_other_channel(
    stated: str, channel: str, on: date | None, same: bool
) -> None:
    declared, seen = replace(GPT, channel=stated), observed("gpt-4o", channel)
    found = [d.reason for d in differences([declared, seen], Services(), on)]
    assert found == ([] if same else [CHANNEL])


@pytest.mark.parametrize(("on", "reason"), [(DAY, OTHER), (None, UNDECLARED)])
def test_another_model_of_a_service_that_is_declared_is_no_provider_that_nobody_declares(
    on: date | None, reason: ReasonCode
) -> None:
    declared, seen = ModelSource("x", "o1", channel="a"), observed("gpt-4o-mini", "b")
    assert [d.reason for d in differences([declared, seen], Services(), on)] == [reason]


@pytest.mark.parametrize(
    ("stated", "host", "on", "explained"),
    [
        ("a", "a", None, True),
        ("A ", "a", None, True),
        ("a", "b", DAY, True),
        ("a", "b", None, False),
        ("b", "a", DAY, True),
        ("b", "a", None, False),
        ("more", "a", DAY, True),
        ("a", "more", DAY, False),
        ("a", "half", DAY, False),
        ("x", "y", DAY, False),
        ("self-hosted", "a", DAY, False),
    ],
)
def test_what_a_declared_model_explains(stated: str, host: str, on: date | None, explained: bool) -> None:
    contact = Contact(host, "p")
    declared = [LLAMA, replace(GPT, channel=stated)]
    assert unexplained([contact], [], declared, Services(), on) == (() if explained else (contact,))


def test_what_answered_is_explained_however_its_host_is_written() -> None:
    contacts = [Contact(HOST, "openai"), Contact("other", "p")]
    answered = replace(WHOLE, host=f"https://{HOST.upper()}/v1")
    assert unexplained(contacts, [answered], [], Services(), DAY) == (contacts[1],)
