"""A rule on a model, a channel or a licence holds for every spelling of it; one it excludes it excludes as stated."""

import pytest

from lineage_guard.domain.facts import ModelSource
from lineage_guard.domain.names import spellings_of
from lineage_guard.domain.rules.matching import Case, Match, ReasonCode, Sure, never
from lineage_guard.domain.rules.spdx import known_ids, spellings


def held(match: Match, model: str = "gpt-4o", channel: str | None = None) -> Sure:
    return match.of(
        Case("train_competing", ReasonCode.RESTRICTED_MODEL, model=ModelSource("openai", model, channel=channel))
    )


@pytest.mark.parametrize(
    "channel", ["https://chatgpt.com/c/1", "chatgpt.com:443", "CHATGPT.com/", "http://chatgpt.com."]
)
def test_a_channel_stated_as_a_url_is_its_host(channel):
    assert held(Match(channel=("chatgpt.com",)), channel=channel) is Sure.MAYBE
    assert held(Match(channel=("api.openai.com",)), channel=channel) is Sure.NO


@pytest.mark.parametrize("channel", ["vllm", "http://localhost:8000/v1", "local"])
def test_ones_own_machine_has_many_names(channel):
    assert held(Match(channel=("self-hosted",)), channel=channel) is Sure.MAYBE


@pytest.mark.parametrize(
    ("rule", "stated", "sure"),
    [
        ("gpt-4o", "gpt-4o", Sure.YES),
        ("gpt-4o", "GPT-4o", Sure.YES),
        ("gpt-4o", "openai/gpt-4o", Sure.MAYBE),
        ("gpt-4o", "gpt-4o-2024-08-06", Sure.MAYBE),
        ("gpt-4o", "openrouter/openai/gpt-4o:free", Sure.MAYBE),
        ("gpt-4o*", "azure/gpt-4o-mini", Sure.MAYBE),
        ("llama-3.1-8b*", "meta-llama/Llama-3.1-8B-Instruct", Sure.MAYBE),
        ("claude-3-opus", "us.anthropic.claude-3-opus-20240229-v1:0", Sure.MAYBE),
        ("gpt-4o", "ft:gpt-4o:acme::1", Sure.MAYBE),
        ("gpt-4o", "gpt-4o-mini", Sure.NO),
        ("gpt-4o-2024-08-06", "gpt-4o", Sure.NO),
        ("openai/gpt-4o", "gpt-4o", Sure.MAYBE),
        ("OpenAI/gpt-4*", "GPT-4o", Sure.MAYBE),
        ("openai/gpt-4o", "gpt-4o-2024-08-06", Sure.MAYBE),
        ("azure/gpt-4o", "gpt-4o", Sure.NO),
    ],
)
def test_a_model_stated_by_another_id(rule, stated, sure):
    assert held(Match(model=(rule,)), stated) is sure


def test_what_is_excluded_is_excluded_as_stated_only():
    but = Match(model=("gpt-*", "!gpt-4o"))
    assert held(but, "gpt-4o") is Sure.NO
    assert held(but, "openai/gpt-4o") is Sure.MAYBE, "an exception opens no more than it says"
    assert held(Match(model=("gpt-*", "!openai/*")), "openai/gpt-4o") is Sure.NO
    assert held(Match(channel=("!chatgpt.com",)), channel="https://chatgpt.com") is Sure.MAYBE, "and permits no more"
    assert held(Match(model=("!gpt-4o",)), "openai/gpt-4o") is Sure.MAYBE
    assert held(Match(model=("!openai/gpt-4o",)), "gpt-4o") is Sure.MAYBE
    assert held(Match(model=("!gpt-4o",)), "gpt-4o-mini") is Sure.YES


@pytest.mark.parametrize(
    ("rule", "stated", "sure"),
    [
        ("GPL-3.0-only", "GPL-3.0", Sure.YES),
        ("GPL-2.0-only*", "GPL-2.0", Sure.YES),
        ("LGPL-2.1-or-later", "LGPL-2.1+", Sure.YES),
        ("GPL-3.0", "GPL-3.0", Sure.YES),
        ("GPL-?.0", "GPL-3.0", Sure.YES),
        ("GPL-3.0-only", "GPL-3.0-or-later", Sure.NO),
        ("GPL-3.0-only", "MIT OR GPL-3.0", Sure.MAYBE),
    ],
)
def test_an_old_name_of_a_licence_is_that_licence(rule, stated, sure):
    case = Case("train_competing", ReasonCode.RESTRICTED_LICENSE, license=stated)
    assert Match(license=(rule,)).of(case) is sure


def test_spellings():
    assert spellings("x+") == ("x+",)
    assert spellings("GFDL-1.3") == ("GFDL-1.3", "GFDL-1.3-only")
    assert {"MIT", "GPL-3.0-only"} <= known_ids()
    assert not any(id.startswith("LicenseRef-") for id in known_ids())
    assert spellings_of("  ") == ()
    assert spellings_of("Yi-34B-200") == ("yi-34b-200", "yi-34b")


def test_patterns_that_nothing_satisfies():
    assert never(("a", "b", "!*"), always=False)
    assert never(("gpt-4*", "!gpt-*"), always=False)
    assert not never(("gpt-*", "!gpt-4*"), always=True)
    assert not never(("a", "b", "!b"), always=True)
    assert never(("!x", "!*"), always=True)
    assert not never((), always=True)
