"""Files in the shapes of the documented formats, written for these tests; nobody's data.

Cards after https://github.com/huggingface/hub-docs/blob/main/datasetcard.md and modelcard.md, pipelines after what
``Pipeline.save()`` of distilabel 1.5 writes, configs after ``BuilderConfig`` of NeMo Data Designer.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

DATASET_CARD = """\
---
language:
- en
license: cc-by-4.0
pretty_name: Answers
size_categories:
- 1K<n<10K
source_datasets:
- original
- extended|acme/questions
tags:
- synthetic
- distilabel
annotations_creators:
- machine-generated
---

# Answers

Made with a model.
"""

MODEL_CARD = """\
---
license: llama3.1
base_model:
- meta-llama/Llama-3.1-8B-Instruct
base_model_relation: finetune
datasets:
- acme/answers
- https://huggingface.co/datasets/acme/more-answers
library_name: transformers
pipeline_tag: text-generation
---
# A student
"""


def client(name: str, module: str, **said: Any) -> dict[str, Any]:
    """A client of distilabel, as it is dumped."""
    rest = {"generation_kwargs": {"temperature": 0.7}, "structured_output": None, "use_offline_batch_generation": False}
    return {**rest, **said, "type_info": {"module": f"distilabel.models.llms.{module}", "name": name}}


def step(name: str, kind: str, module: str = "distilabel.steps.tasks.text_generation", **said: Any) -> dict[str, Any]:
    """A step of a pipeline, as it is dumped."""
    body = {"name": name, "input_batch_size": 50, **said, "type_info": {"module": module, "name": kind}}
    return {"step": body, "name": name}


def pipeline(*steps: dict[str, Any]) -> dict[str, Any]:
    """A pipeline, as it is dumped."""
    names = [s["name"] for s in steps]
    edges = [{"from": a, "to": [b]} for a, b in pairwise(names)]
    return {
        "distilabel": {"version": "1.5.3"},
        "pipeline": {"name": "answers", "description": None, "steps": list(steps), "connections": edges},
        "requirements": [],
    }


GPT = client("OpenAILLM", "openai", model="gpt-4o", base_url="https://api.openai.com/v1", max_retries=6, timeout=120)
HUB_STEP = step(
    "load", "LoadDataFromHub", "distilabel.steps.generators.huggingface", repo_id="acme/questions", split="train"
)

CONFIG = """\
data_designer:
  model_configs:
    - alias: writer
      model: nvidia/nemotron-3-nano-30b-a3b
      provider: nvidia
      inference_parameters:
        generation_type: chat-completion
        temperature: 1.0
    - alias: judge
      model: gpt-4o
      provider: openai
    - alias: unused
      model: openai/gpt-5
      provider: openrouter
  model_providers:
    - name: nvidia
      endpoint: https://integrate.api.nvidia.com/v1
      provider_type: openai
      api_key: NVIDIA_API_KEY
    - name: openai
      endpoint: https://api.openai.com/v1
  seed_config:
    source:
      seed_type: hf
      path: datasets/acme/questions/data/*.parquet
    sampling_strategy: shuffle
  columns:
    - name: topic
      column_type: sampler
      sampler_type: category
      params: {values: [a, b]}
    - name: question
      column_type: llm-text
      prompt: Ask about {{ topic }}
      model_alias: writer
    - name: answer
      column_type: llm-structured
      prompt: Answer {{ question }}
      model_alias: writer
      output_format: {type: object}
    - name: grade
      column_type: llm-judge
      prompt: Grade {{ answer }}
      model_alias: judge
      scores: [{name: clear, description: d, options: {1: bad, 2: good}}]
    - name: both
      column_type: expression
      expr: "{{ question }} {{ answer }}"
library_version: 0.9.3
"""
