"""Whose terms count behind services, resellers and gateways: an entry of one's own takes no owner's place elsewhere."""

import pytest
import yaml

from lineage_guard.catalog import load_catalog
from lineage_guard.domain.facts import ModelSource
from lineage_guard.domain.rules.terms import USES

GATEWAY = {
    "id": "gateway", "provider": "Acme", "kind": "hosted_service", "providers": ["acme"], "models": ["claude-opus-4*"],
    "channels": ["gw.acme.example"], "license": "LicenseRef-acme", "effects": dict.fromkeys(USES, "allow"),
    "summary": "Our gateway.", "url": None, "source": "the contract", "date_read": "2026-03-01",
    "confidence": "verified",
}  # fmt: skip
BEDROCK = ["amazon-bedrock-ai-services", "bedrock-third-party"]


@pytest.fixture
def bound(tmp_path):
    def ask(model, *own):
        path = tmp_path / "own.yaml"
        path.write_text(yaml.safe_dump({"format": 1, "terms": [GATEWAY | change for change in own]}), encoding="utf-8")
        found = load_catalog(path).terms.resolve(model, None)
        return sorted(t.id for t in found.layers), found.unresolved and found.unresolved.value

    return ask


def test_a_gateway_takes_no_owners_place_behind_a_reseller(bound):
    on_bedrock = ModelSource("aws", "claude-opus-4", channel="bedrock-runtime.us-east-1.amazonaws.com")
    assert bound(on_bedrock, {}) == ([BEDROCK[0], "anthropic-api", BEDROCK[1], "gateway"], None)


def test_terms_that_stack_leave_the_owners_in_force(bound):
    asked = ModelSource("acme", "claude-opus-4", channel="gw.acme.example")
    assert bound(asked, {}) == (["gateway"], None)
    assert bound(asked, {"stacks_on_owner_terms": True}) == (["anthropic-api", "gateway"], None)


def test_that_terms_stack_is_part_of_the_digest(tmp_path):
    digests = set()
    for stacks in (True, False):
        path = tmp_path / f"{stacks}.yaml"
        path.write_text(yaml.safe_dump({"format": 1, "terms": [GATEWAY | {"stacks_on_owner_terms": stacks}]}))
        digests.add(load_catalog(path).terms.digest)
    assert len(digests) == 2


LLAMA = {"models": ["meta-llama/Llama-3.1-8B*"]}


def test_a_gateway_takes_no_place_of_the_licence_of_weights(bound):
    made = ModelSource("acme", "acme-lm", channel="self-hosted", base_models=("meta-llama/Llama-3.1-8B",))
    assert bound(made, LLAMA, {"id": "lm", "models": ["acme-lm"], "channels": ["self-hosted"]}) == (
        ["gateway", "llama-3.1", "lm"],
        None,
    )
    assert bound(ModelSource("meta", "meta-llama/Llama-3.1-8B", channel="self-hosted"), LLAMA) == (["llama-3.1"], None)


def test_a_gateway_takes_no_place_of_terms_of_what_has_no_weights(bound):
    lm = {"id": "lm", "models": ["acme-lm"], "channels": ["self-hosted"]}
    made = ModelSource("acme", "acme-lm", channel="self-hosted", base_models=("claude-opus-4",))
    assert bound(made, {}, lm) == (["anthropic-api", "gateway", "lm"], None)
    closed = ModelSource("acme", "claude-opus-4", channel="self-hosted")
    assert bound(closed, {}) == (["anthropic-api", "gateway"], "UNKNOWN_CHANNEL")


def test_the_weights_of_others_are_not_an_owners_because_a_name_is_in_theirs(bound):
    tuned = {"models": ["acme/*bolt-7b*"], "kind": "derivative", "channels": ["self-hosted"]}
    assert bound(ModelSource("acme", "acme/my-bolt-7b", channel="self-hosted"), tuned) == (["gateway"], None)
    assert bound(ModelSource("bolt", "bolt/bolt-7b", channel="self-hosted"), tuned) == ([], "UNKNOWN_MODEL")


def test_what_nobody_published_does_not_come_from_a_hub(bound):
    closed = {"models": ["acme-lm"]}
    assert bound(ModelSource("acme", "acme-lm"), closed) == (["gateway"], None)
    assert bound(ModelSource("huggingface", "acme-lm"), closed) == (["gateway"], "UNKNOWN_CHANNEL")
    assert bound(ModelSource("huggingface", "acme-lm"), closed | {"channels": ["self-hosted"]}) == (["gateway"], None)


def test_a_route_and_a_host_that_name_two_services_both_count(bound):
    found, _ = bound(ModelSource("openai", "azure/gpt-4o", channel="api.openai.com"), {})
    assert found == ["azure-openai", "openai-api", "openai-api-2023"]


def test_no_program_calls_a_chat_app(bound):
    app = {"id": "app", "models": ["acme-lm*", "acme-app"], "channels": ["chat.acme.example"], "consumer_app": True}
    api = {"models": ["acme-lm*", "acme-a*"]}
    assert bound(ModelSource("acme", "acme-lm-1"), app, api) == (["gateway"], None)
    assert "app" in bound(ModelSource("acme", "acme-app"), app, api)[0], "an id that is its own is of it"


def test_what_binds_a_whole_channel_binds_whoever_names_its_provider(bound):
    whole = {"models": ["acme-lm*"], "binds_whole_channel": True}
    assert bound(ModelSource("acme", "claude-opus-4"), whole) == (["anthropic-api", "gateway"], None)
