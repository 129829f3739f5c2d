"""Cards, pipelines and configs to facts: what they say, where, and what they leave out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from reader_files import CONFIG, DATASET_CARD, GPT, HUB_STEP, MODEL_CARD, client, pipeline, step

from lineage_guard.domain.facts import Completeness, LicenseScope, Usage
from lineage_guard.readers import Facts, read


@pytest.fixture
def wrote(tmp_path: Path) -> Any:
    def write(name: str, text: str) -> Path:
        file = tmp_path / name
        file.write_text(text, "utf-8")
        return file

    return write


def lines(found: list[Any]) -> list[tuple[str, str]]:
    """Each fact with its line."""
    return [(str(f.value), f.where.rpartition(":")[2]) for f in found]


def models(facts: Facts) -> list[str]:
    return [str(m.value) for m in facts.models]


def gaps(facts: Facts) -> str:
    return "\n".join(g.value for g in facts.gaps)


def test_dataset_card(wrote: Any) -> None:
    facts = read(wrote("README.md", DATASET_CARD))
    assert facts.format == "Hugging Face dataset card"
    assert [(x.value.expression, x.value.applies_to, x.where[-3:]) for x in facts.licenses] == [
        ("CC-BY-4.0", LicenseScope.DATA, "d:4")
    ]
    assert lines(facts.parents) == [("huggingface:acme/questions", "10")]
    assert facts.models == []
    assert [w for _, w in lines(facts.gaps)] == ["12", "13", "15"]
    assert facts.completeness is Completeness.INCOMPLETE


def test_model_card(wrote: Any) -> None:
    facts = read(wrote("README.md", MODEL_CARD))
    assert facts.format == "Hugging Face model card"
    assert [(x.value.expression, x.value.applies_to) for x in facts.licenses] == [
        ("LicenseRef-llama3.1", LicenseScope.MODEL)
    ]
    assert lines(facts.models) == [("huggingface/meta-llama/Llama-3.1-8B-Instruct via self-hosted", "4")]
    assert [p.value.name for p in facts.parents] == ["acme/answers", "acme/more-answers"]
    assert not facts.gaps
    assert facts.completeness is Completeness.UNKNOWN, "a card that names one model proves nothing of others"


@pytest.mark.parametrize(
    ("metadata", "expressions", "gap"),
    [
        ("license: other\nlicense_name: acme-1.0\nlicense_link: https://acme.example/l", ["LicenseRef-acme-1.0"], ""),
        ("license: [mit, apache-2.0]", ["MIT", "Apache-2.0"], ""),
        ("license: other", [], "'other', without a license_name"),
        ("license: unknown", [], "licence is unknown"),
        ("pretty_name: x", [], "names no licence"),
        ("license: mit\nsource_datasets: [extended]", ["MIT"], "does not say which"),
        ("license: mit\nbase_model: ./checkpoints/last", ["MIT"], "no Hugging Face id"),
        ("license: mit\ndatasets: [null, '']", ["MIT"], "no Hugging Face id"),
    ],
)
def test_corners_of_cards(wrote: Any, metadata: str, expressions: list[str], gap: str) -> None:
    facts = read(wrote("README.md", f"---\n{metadata}\n---\n"))
    assert [x.value.expression for x in facts.licenses] == expressions
    assert (gap in gaps(facts)) if gap else not facts.gaps


@pytest.mark.parametrize("name", ["pipeline.yaml", "pipeline.json"])
def test_distilabel_pipeline(wrote: Any, name: str) -> None:
    vllm = client("vLLM", "vllm", model="Qwen/Qwen2.5-7B-Instruct", revision="abc123", quantization=None)
    made = pipeline(
        HUB_STEP, step("answer", "TextGeneration", llm=GPT, system_prompt="Be kind 😀"), step("b", "T", llm=vllm)
    )
    facts = read(wrote(name, json.dumps(made, indent=1) if name.endswith("json") else yaml.safe_dump(made)))
    assert facts.format == "distilabel pipeline"
    assert models(facts) == ["openai/gpt-4o via api.openai.com", "huggingface/Qwen/Qwen2.5-7B-Instruct via self-hosted"]
    assert facts.models[1].value.version == "abc123"
    assert [p.value.name for p in facts.parents] == ["acme/questions"]
    text = (Path(facts.path)).read_text("utf-8").splitlines()
    assert "gpt-4o" in text[int(facts.models[0].where.rpartition(":")[2]) - 1]
    assert facts.completeness is Completeness.UNKNOWN


@pytest.mark.parametrize(
    ("llm", "expected"),
    [
        (client("OpenAILLM", "openai", model="org/m", base_url="http://vllm:8000/v1"), "huggingface/org/m via vllm"),
        (client("OpenAILLM", "openai", model="gpt-4o", base_url="http://10.0.0.1/v1"), "openai/gpt-4o via 10.0.0.1"),
        (
            client("OpenAILLM", "openai", model="deepseek-chat", base_url="https://u:p@api.deepseek.com"),
            "api.deepseek.com/deepseek-chat via api.deepseek.com",
        ),
        (client("AnthropicLLM", "anthropic", model="claude-x"), "anthropic/claude-x via api.anthropic.com"),
        (
            client("AzureOpenAILLM", "azure", model="gpt-4o", base_url="https://a.openai.azure.com"),
            "azure/gpt-4o via a.openai.azure.com",
        ),
        (client("OllamaLLM", "ollama", model="llama3.1:8b", host=None), "ollama/llama3.1:8b via self-hosted"),
        (client("MlxLLM", "mlx", path_or_hf_repo="mlx-community/Q"), "huggingface/mlx-community/Q via self-hosted"),
        (client("LiteLLM", "litellm", model="groq/llama3-70b-8192"), "groq/groq/llama3-70b-8192"),
        (
            client("InferenceEndpointsLLM", "huggingface.inference_endpoints", model_id="meta-llama/L", base_url=None),
            "huggingface/meta-llama/L via api-inference.huggingface.co",
        ),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_who_answered_in_a_pipeline(wrote: Any, llm: dict[str, Any], expected: str) -> None:
    facts = read(wrote("p.json", json.dumps(pipeline(step("s", "TextGeneration", llm=llm)))))
    assert models(facts) == [expected]
    assert not facts.gaps


@pytest.mark.parametrize(
    ("made", "gap"),
    [
        (step("s", "T", llm=client("InferenceEndpointsLLM", "huggingface", endpoint_name="ours")), "endpoint 'ours'"),
        (step("s", "T", llm=client("LlamaCppLLM", "llamacpp", n_ctx=512)), "does not say which model"),
        (step("s", "T", llm=client("vLLM", "vllm", model="/models/ours")), "a folder whose weights"),
        (
            step("s", "T", llm={"type_info": {"module": "ours.llm", "name": "Ours"}, "model": "m"}),
            "by whom is not said",
        ),
        (step("s", "Ours", "ours.steps"), "runs code of ours.steps"),
        (step("s", "LoadDataFromDicts", "distilabel.steps.generators.data"), "does not say whose"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_what_a_pipeline_leaves_out(wrote: Any, made: dict[str, Any], gap: str) -> None:
    facts = read(wrote("p.yaml", yaml.safe_dump(pipeline(made))))
    assert gap in gaps(facts)
    assert facts.completeness is Completeness.INCOMPLETE


def test_a_scorer_is_content_until_its_author_says_otherwise(wrote: Any) -> None:
    scorer = step("s", "RewardModelScore", "distilabel.steps.reward_model", model="acme/reward", revision="main")
    facts = read(wrote("p.yaml", yaml.safe_dump(pipeline(scorer))))
    assert models(facts) == ["huggingface/acme/reward via self-hosted"]
    assert facts.models[0].value.usage is Usage.SCORING
    assert facts.models[0].value.direct
    assert not facts.gaps


def test_models_inside_models_and_shared_ones(wrote: Any) -> None:
    inner = {"model": "claude-x", "base_url": None}
    moa = client(
        "MixtureOfAgentsLLM",
        "moa",
        aggregator_llm=GPT,
        proposers_llms=[client("AnthropicLLM", "anthropic", **inner), GPT],
    )
    text = yaml.dump(pipeline(step("a", "T", llm=moa), step("b", "T", llm=GPT)), Dumper=yaml.SafeDumper)
    assert "*id" in text, "shared by an alias"
    facts = read(wrote("p.yaml", text))
    assert set(models(facts)) == {"openai/gpt-4o via api.openai.com", "anthropic/claude-x via api.anthropic.com"}


def test_data_designer_config(wrote: Any) -> None:
    facts = read(wrote("config.yaml", CONFIG))
    assert facts.format == "NeMo Data Designer config"
    said = [(str(m.value), m.value.usage, m.value.fields, m.where.rpartition(":")[2]) for m in facts.models]
    assert said == [
        (
            "nvidia/nvidia/nemotron-3-nano-30b-a3b via integrate.api.nvidia.com",
            Usage.GENERATION,
            ("question", "answer"),
            "4",
        ),
        ("openai/gpt-4o via api.openai.com", Usage.ANNOTATION, ("grade",), "10"),
    ]
    assert [p.value.name for p in facts.parents] == ["acme/questions"]
    assert not facts.gaps
    assert facts.completeness is Completeness.UNKNOWN


def test_data_designer_as_json_without_its_wrapper(wrote: Any) -> None:
    whole = yaml.safe_load(CONFIG)["data_designer"]
    facts = read(wrote("config.json", json.dumps(whole)))
    assert models(facts) == models(read(wrote("config.yaml", CONFIG)))


@pytest.mark.parametrize(
    ("old", "new", "gap"),
    [
        ("model_alias: judge", "model_alias: nobody", "alias 'nobody', which the file does not define"),
        ("      endpoint: https://api.openai.com/v1", "", "where the provider 'openai' answers"),
        ("column_type: expression", "column_type: custom", "what fills it is not said"),
        ("      seed_type: hf", "      seed_type: local", "seed rows come from"),
        ("      provider: openai\n", "", "names no provider"),
    ],
)
def test_what_a_config_leaves_out(wrote: Any, old: str, new: str, gap: str) -> None:
    assert old in CONFIG
    facts = read(wrote("c.yaml", CONFIG.replace(old, new)))
    assert gap in gaps(facts)
    assert facts.completeness is Completeness.INCOMPLETE


def test_the_older_shape_of_model_configs(wrote: Any) -> None:
    config = """
model_configs:
  - alias: text
    model: {api_endpoint: {url: "https://integrate.api.nvidia.com/v1", model_id: meta/llama-3.3-70b-instruct}}
"""
    facts = read(wrote("models.yaml", config))
    assert models(facts) == ["integrate.api.nvidia.com/meta/llama-3.3-70b-instruct via integrate.api.nvidia.com"]
    assert "lists no columns" in gaps(facts)


def test_a_file_is_never_complete_until_somebody_says_so(wrote: Any) -> None:
    facts = read(wrote("README.md", MODEL_CARD))
    assert facts.declaration().completeness is Completeness.UNKNOWN
    vouched = facts.declaration(completeness=Completeness.COMPLETE)
    assert vouched.completeness is Completeness.COMPLETE
    assert vouched.parents == ("acme/answers", "acme/more-answers")
