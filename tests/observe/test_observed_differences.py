"""Declared against observed: which difference is found, and what is none."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from lineage_guard.catalog import load_catalog, load_policy
from lineage_guard.domain.declared.observation import ANY, Contact, Observation, ObservedModel, Via
from lineage_guard.domain.declared.observed import differences, observed_models, unexplained
from lineage_guard.domain.errors import DeclarationError
from lineage_guard.domain.facts import Assertion, Input, ModelSource, Production, Usage, Version
from lineage_guard.domain.lineage.closure import close
from lineage_guard.domain.names import is_inside, same_model
from lineage_guard.domain.rules.policy import ReasonCode
from lineage_guard.domain.rules.terms import EVALUATE, TRAIN_COMPETING, Effect
from lineage_guard.domain.rules.waivers import Waiver
from lineage_guard.domain.verdict.decide import decide

TERMS = load_catalog().terms
AT = datetime(2026, 11, 22, tzinfo=UTC)
GPT = ModelSource("openai", "gpt-4o", channel="api.openai.com")
QWEN = ModelSource("qwen", "Qwen/Qwen2.5-7B-Instruct", channel="self-hosted", digest="sha256:q")
SEEN_GPT = ObservedModel("gpt-4o-2024-08-06", "openai", "gpt-4o", "api.openai.com")


def found(*seen, declared=(), contacts=(), silent=False, partitions=()):
    observation = Observation(seen, tuple(contacts), tuple(partitions))
    models = observed_models(observation, declared, silent=silent)
    return [d.reason for d in differences((*declared, *models), TERMS, AT.date())]


MATCHES = [
    (GPT, SEEN_GPT),
    (GPT, ObservedModel("gpt-4o", "openai", host="https://eu.api.openai.com/v1")),
    (ModelSource("openai", "openai/gpt-4o-2024-08-06"), SEEN_GPT),
    (ModelSource("azure", "gpt-4o", channel="azure"), ObservedModel("gpt-4o", "azure", "mine", "x.openai.azure.com")),
    (
        ModelSource("anthropic", "claude-3-5-sonnet", channel="bedrock-runtime.eu-west-1.amazonaws.com"),
        ObservedModel(
            "eu.anthropic.claude-3-5-sonnet-20240620-v1:0", "amazon", host="bedrock-runtime.us-east-1.amazonaws.com"
        ),
    ),
    (ModelSource("google", "gemini-1.5-pro"), ObservedModel("gemini-1.5-pro-002", "google", host="x.googleapis.com")),
    (QWEN, ObservedModel("qwen2.5-7b-instruct", "qwen", host="127.0.0.1")),
    (QWEN, ObservedModel("Qwen/Qwen2.5-7B-Instruct", "qwen", host="vllm.models.svc.cluster.local")),
    (QWEN, ObservedModel("Qwen/Qwen2.5-7B-Instruct", "qwen", digest="sha256:q", via=(Via.WEIGHTS,))),
]


@pytest.mark.parametrize(("declared", "seen"), MATCHES)
def test_what_answers_as_declared_is_no_difference(declared, seen):
    assert found(seen, declared=[declared]) == []


MISMATCHES = [
    (GPT, ObservedModel("gpt-4o-mini", "openai", "gpt-4o", "api.openai.com"), ReasonCode.OBSERVED_OTHER_MODEL),
    (
        ModelSource("openai", "gpt-4o-2024-05-13", channel="api.openai.com"),
        SEEN_GPT,
        ReasonCode.OBSERVED_OTHER_MODEL,
    ),
    (GPT, ObservedModel("gpt-4o", "openrouter", host="openrouter.ai"), ReasonCode.OBSERVED_OTHER_CHANNEL),
    (GPT, ObservedModel("gpt-4o", "x", host="llm-gateway.corp.example"), ReasonCode.OBSERVED_OTHER_CHANNEL),
    (GPT, ObservedModel("gpt-4o", "127.0.0.1", host="127.0.0.1"), ReasonCode.OBSERVED_OTHER_CHANNEL),
    (QWEN, SEEN_GPT, ReasonCode.OBSERVED_UNDECLARED_PROVIDER),
    (
        QWEN,
        ObservedModel("Qwen/Qwen2.5-7B-Instruct", "qwen", digest="sha256:z", via=(Via.WEIGHTS,)),
        ReasonCode.OBSERVED_OTHER_MODEL,
    ),
    (
        ModelSource("qwen", "Qwen/Qwen2.5-7B-Instruct", channel="self-hosted"),
        ObservedModel("Qwen/Qwen2.5-7B-Instruct", "qwen", host="localhost"),
        ReasonCode.OBSERVED_DIGEST_UNKNOWN,
    ),
]


@pytest.mark.parametrize(("declared", "seen", "reason"), MISMATCHES)
def test_what_answers_otherwise_is_a_difference_with_its_own_code(declared, seen, reason):
    assert reason in found(seen, declared=[declared])


def test_a_digest_is_held_against_what_is_declared_of_the_same_channel():
    """The same model through an API has no digest, and says nothing of the weights that were loaded here."""
    api = replace(QWEN, channel="api.together.xyz", digest=None)
    loaded = ObservedModel("Qwen/Qwen2.5-7B-Instruct", "qwen", digest="sha256:z", via=(Via.WEIGHTS,))
    assert found(loaded, declared=[QWEN, api]) == [ReasonCode.OBSERVED_OTHER_MODEL]
    assert found(replace(loaded, digest="sha256:q"), declared=[QWEN, api]) == []
    nameless = replace(loaded, digest=None)
    there, weights = replace(api, digest="sha256:q"), replace(QWEN, digest=None)
    assert found(nameless, declared=[there, weights]) == [ReasonCode.OBSERVED_DIGEST_UNKNOWN]
    assert found(nameless, declared=[there, QWEN]) == []


def test_a_declaration_that_names_no_model_is_contradicted_by_any():
    assert found(SEEN_GPT) == [ReasonCode.OBSERVED_UNDECLARED_PROVIDER]


def test_nothing_declared_at_all_is_stood_in_for_and_marked():
    models = observed_models(Observation((SEEN_GPT,)), (), silent=True)
    assert [(m.model, m.channel, m.asserted_by) for m in models] == [
        ("gpt-4o-2024-08-06", "api.openai.com", Assertion.INFERRED)
    ]
    assert found(SEEN_GPT, silent=True) == [ReasonCode.INFERRED_DECLARATION]


def test_a_contact_alone_is_a_provider_nobody_declared_even_in_silence():
    assert found(contacts=[Contact("api.openai.com", "openai")], silent=True) == [
        ReasonCode.OBSERVED_UNDECLARED_PROVIDER
    ]


def test_what_is_declared_of_its_use_holds_for_what_is_seen():
    judge = ModelSource("openai", "gpt-4o", channel="api.openai.com", usage=Usage.FILTER, terms="our-agreement")
    [model] = observed_models(Observation((SEEN_GPT,)), [judge], silent=False)
    assert (model.usage, model.terms, model.model) == (Usage.FILTER, "our-agreement", "gpt-4o-2024-08-06")
    [other] = observed_models(Observation((ObservedModel("o1", "openai"),)), [judge], silent=False)
    assert other.usage is Usage.GENERATION


def test_what_was_seen_to_answer_answered_then_whatever_day_is_declared():
    """The terms of the declared day bind as declared, and those of the day on which it was seen besides."""
    before = datetime(2023, 6, 1, tzinfo=UTC)
    [model] = observed_models(Observation((SEEN_GPT,)), [replace(GPT, generated_at=before)], silent=False)
    assert model.generated_at is None
    base = ModelSource("qwen", "Qwen/Qwen2.5-7B", usage=Usage.BASE_MODEL, generated_at=before)
    loaded = ObservedModel("Qwen/Qwen2.5-7B", "qwen", via=(Via.WEIGHTS,))
    [model] = observed_models(Observation((loaded,)), [base], silent=False)
    assert model.generated_at == before, "weights may have been taken before they were loaded"


def test_a_model_declared_for_another_partition_is_not_declared_for_this_one():
    german = ModelSource("openai", "gpt-4o", channel="api.openai.com", partitions=("de",))
    [model] = observed_models(Observation((SEEN_GPT,), partitions=("fr",)), [german], silent=False)
    assert not model.partitions
    [model] = observed_models(Observation((SEEN_GPT,), partitions=("de", "fr")), [german], silent=False)
    assert model.partitions == ("de",)


def test_a_contact_is_explained_by_an_answer_or_a_declared_model_of_the_same_service():
    openai, bedrock = Contact("api.openai.com", "openai"), Contact("bedrock-runtime.eu-west-1.amazonaws.com", "amazon")
    claude = ModelSource("anthropic", "claude-3-5-sonnet", channel="bedrock")
    left = lambda models=(), declared=(): unexplained([openai, bedrock], models, declared, TERMS, None)  # noqa: E731
    assert left() == (openai, bedrock)
    assert left([SEEN_GPT]) == (bedrock,)
    assert left(declared=[GPT]) == (bedrock,)
    assert left(declared=[claude]) == (openai,)
    assert left(declared=[QWEN]) == (openai, bedrock)
    assert left(declared=[ModelSource("openai", "gpt-4o")]) == (bedrock,)


def verdict(*models, use=TRAIN_COMPETING, policy="default", waivers=()):
    made = Version("d", "synthetic", None, "r1")
    target = Production((Version("d", "student"),), inputs=(Input(made),))
    closure = close(target, [Production((made,), models=models, produced_at=AT)])
    return decide(closure, load_policy(policy, load_catalog()), waivers, use, AT)


def test_a_difference_blocks_with_path_rule_and_way_out():
    mistral = ModelSource("mistralai", "mistralai/Mixtral-8x7B-v0.1", channel="self-hosted", digest="sha256:m")
    assert verdict(mistral).decision.value == "ALLOW"
    seen = observed_models(
        Observation((ObservedModel("Qwen/Qwen2.5-7B-Instruct", "vllm", host="10.0.0.4"),)), [mistral], silent=False
    )
    verdict_ = verdict(mistral, *seen)
    assert verdict_.stops
    finding = next(f for f in verdict_.findings if f.rule == "observed-differs")
    assert finding.reason is ReasonCode.OBSERVED_OTHER_MODEL
    assert finding.effect is Effect.BLOCK
    assert [v.name for v in finding.path] == ["student", "synthetic"]
    assert finding.model == seen[0]
    assert "Qwen2.5-7B-Instruct" in finding.message
    assert "mistralai/Mixtral-8x7B-v0.1" in finding.message
    assert "Declare what was really used" in finding.fix


@pytest.mark.parametrize(
    ("policy", "use", "effect"),
    [
        ("default", TRAIN_COMPETING, Effect.BLOCK),
        ("strict", EVALUATE, Effect.BLOCK),
        ("default", EVALUATE, Effect.WARN),
        ("research", TRAIN_COMPETING, Effect.BLOCK),
        ("observe", TRAIN_COMPETING, Effect.WARN),
    ],
)
def test_every_shipped_policy_speaks_of_differences(policy, use, effect):
    seen = observed_models(Observation((SEEN_GPT,)), [QWEN], silent=False)
    findings = verdict(QWEN, *seen, use=use, policy=policy).findings
    finding = next(f for f in findings if f.rule.startswith("observed-differs"))
    assert finding.effect is effect


def test_the_stricter_reading_counts_declared_and_seen_models_alike():
    seen = observed_models(Observation((SEEN_GPT,)), [QWEN], silent=False)
    assert "openai-api" in {f.terms.id for f in verdict(QWEN, *seen).findings if f.terms}
    swapped = observed_models(
        Observation((ObservedModel("Qwen/Qwen2.5-7B-Instruct", "qwen", digest="sha256:q", via=(Via.WEIGHTS,)),)),
        [GPT],
        silent=False,
    )
    assert "openai-api" in {f.terms.id for f in verdict(GPT, *swapped).findings if f.terms}


def test_a_policy_written_before_there_were_observations_still_stops():
    from dataclasses import replace

    from lineage_guard.domain.rules.policy import Subject

    policy = load_policy("default", load_catalog())
    old = replace(policy, rules=tuple(r for r in policy.rules if r.on is not Subject.OBSERVATION))
    made = Version("d", "synthetic", None, "r1")
    models = (QWEN, *observed_models(Observation((ObservedModel("o1", "openai"),)), [QWEN], silent=False))
    closure = close(
        Production((Version("d", "student"),), inputs=(Input(made),)),
        [Production((made,), models=models, produced_at=AT)],
    )
    findings = decide(closure, old, (), TRAIN_COMPETING, AT).findings
    assert any(f.rule == "observed-differs" and f.effect is Effect.BLOCK for f in findings)


def test_a_waiver_covers_a_difference_by_its_rule():
    seen = observed_models(Observation(contacts=(Contact("api.openai.com", "openai"),)), [QWEN], silent=False)
    waiver = Waiver("w", "observed-differs", "student", "why", "a", "b", "T", AT.replace(year=2027), model=ANY)
    of = {f.rule: f.waived_by for f in verdict(QWEN, *seen, waivers=(waiver,)).findings}
    assert of["observed-differs"] == "w"
    assert of["unknown-model"] is None  # what else the contact means stays


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("gpt-4o", "gpt-4o-2024-08-06", True),
        ("gpt-4", "gpt-4-0613", True),
        ("gpt-4", "gpt-4-1106-preview", False),
        ("gpt-4o", "gpt-4o-mini", False),
        ("claude-3-5-sonnet-latest", "claude-3-5-sonnet-20241022", True),
        ("text-davinci-002", "text-davinci-003", False),
        ("meta-llama/Llama-3.1-8B-Instruct", "someone/Llama-3.1-8B-Instruct", False),
        ("openrouter/anthropic/claude-3-opus", "anthropic/claude-3-opus", True),
        ("models/gemini-1.5-flash", "gemini-1.5-flash-002", True),
        ("/srv/models/llama", "llama", True),
        ("", "gpt-4o", False),
    ],
)
def test_spellings_of_one_model(one, other, same):
    assert same_model(one, other) is same
    assert same_model(other, one) is same


@pytest.mark.parametrize(
    ("host", "inside"),
    [("localhost", True), ("192.168.1.5", True), ("vllm", True), ("a.svc", True), ("8.8.8.8", False), ("x.ai", False)],
)
def test_hosts_that_only_a_private_network_reaches(host, inside):
    assert is_inside(host) is inside


def test_an_observation_round_trips_and_anything_else_is_refused():
    whole = Observation(
        (
            ObservedModel("m", "p", "r", "h", "v", "sha256:d", Usage.SCORING, 7, ("id1", "id2"), (Via.HTTP, Via.SPAN)),
            ObservedModel("n", "p"),
        ),
        (Contact("api.openai.com", "openai", 3),),
        ("de",),
        2,
    )
    assert Observation.from_json(whole.to_json()) == whole
    assert Observation.from_json(Observation().to_json()) == Observation()
    for bad in (None, [], {}, {"format": 2}, {"format": 1, "models": [{"model": "m"}]}, {"format": 1, "contacts": 3}):
        with pytest.raises(DeclarationError):
            Observation.from_json(bad)
