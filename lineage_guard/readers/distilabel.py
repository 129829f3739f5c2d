"""distilabel pipeline files: what ``Pipeline.save()`` writes, as YAML or JSON.

Format: ``distilabel/pipeline/_dag.py``, ``utils/serialization.py`` and the ``test_serialization`` tests of each LLM
class at github.com/argilla-io/distilabel, versions 1.0 to 1.5, read in November 2026. Every object says its class under
``type_info``; a step is ``{name, step: {..., llm: {...}}}``.
"""

from __future__ import annotations

from pathlib import Path

from lineage_guard.domain.declared.declaration import HUB
from lineage_guard.domain.errors import ConfigError
from lineage_guard.domain.facts import Influence, ModelSource, Usage
from lineage_guard.domain.names import SELF_HOSTED
from lineage_guard.readers.channels import Reached, reached
from lineage_guard.readers.documents import Node
from lineage_guard.readers.facts import Facts, Found

FORMAT = "distilabel pipeline"
#: Whose client a class is, and the host it asks when none is given.
_CLIENTS: dict[str, tuple[str, str | None]] = {
    "OpenAILLM": ("openai", "api.openai.com"),
    "OpenAIImageGeneration": ("openai", "api.openai.com"),
    "AzureOpenAILLM": ("azure", None),
    "AnthropicLLM": ("anthropic", "api.anthropic.com"),
    "CohereLLM": ("cohere", None),
    "GroqLLM": ("groq", "api.groq.com"),
    "MistralLLM": ("mistral", "api.mistral.ai"),
    "TogetherLLM": ("together", "api.together.xyz"),
    "AnyscaleLLM": ("anyscale", "api.endpoints.anyscale.com"),
    "OpenRouterLLM": ("openrouter", "openrouter.ai"),
    "VertexAILLM": ("vertex", None),
    "InferenceEndpointsLLM": (HUB, "api-inference.huggingface.co"),
    "InferenceEndpointsImageGeneration": (HUB, "api-inference.huggingface.co"),
    "ClientvLLM": (HUB, None),
    "ClientSGLang": (HUB, None),
    "OpenAICompatibleLLM": ("unknown", None),
}
#: Classes that load weights in the pipeline's own processes.
_LOADERS = {
    *("vLLM", "TransformersLLM", "MlxLLM", "LlamaCppLLM", "SGLang", "OllamaLLM"),
    *("SentenceTransformerEmbeddings", "vLLMEmbeddings", "LlamaCppEmbeddings", "SGLangEmbeddings"),
    *("RewardModelScore", "PairRM"),
}
#: Steps that put a model's scores into a column.
_SCORERS = {"RewardModelScore", "PairRM"}
_MODEL_KEYS = ("model", "model_id", "path_or_hf_repo", "model_path")
_HOLDS_A_MODEL = ("llm", "llms", "aggregator_llm", "proposers_llms", "embeddings", "image_generation_model")
_UNSAID = (
    "parameters given to Pipeline.run() override the file, endpoints included",
    "what the rows it loads were made from is for its upstream assets to say",
)


def is_pipeline(root: Node) -> bool:
    """Whether a document is one."""
    inner = root.map.get("pipeline")
    return inner is not None and "steps" in inner.map


def read_pipeline(root: Node, path: Path) -> Facts:
    """The facts of a pipeline file.

    Args:
        root: the document.
        path: of the file.

    Raises:
        ConfigError: when its steps are not shaped as distilabel writes them.
    """
    facts = Facts(str(path), FORMAT, unsaid=_UNSAID)
    steps = root.map["pipeline"].map["steps"]
    if not isinstance(steps.value, list) or not steps.value:
        raise ConfigError("the pipeline has no steps", where=steps.where, fix="give a file that Pipeline.save() wrote")
    walk = _Walk()
    for entry in steps.value:
        step = entry.map.get("step")
        if step is None or "type_info" not in step.map:
            raise ConfigError(
                "a step has no type_info, so what it does cannot be told",
                where=entry.where,
                fix="give a file that Pipeline.save() wrote",
            )
        _step(step, entry.said("name") or step.said("name") or "a step", facts, walk)
    return facts


class _Walk:
    """What was visited: aliases can put one thing into every step, and once is enough."""

    def __init__(self) -> None:
        self.seen: set[int] = set()
        self.models: set[int] = set()
        self._lists: set[int] = set()

    def expect_models(self, node: Node) -> None:
        """Note what stands where distilabel puts models, whatever its class."""
        for key in _HOLDS_A_MODEL:
            held = node.map.get(key)
            if held is not None and id(held) not in self._lists:
                self._lists.add(id(held))
                self.models.update(id(n) for n in held.items)


def _class_of(node: Node) -> tuple[str, str]:
    info = node.map.get("type_info")
    return ((info.said("module") or "", info.said("name") or "")) if info else ("", "")


def _step(step: Node, name: str, facts: Facts, walk: _Walk) -> None:
    module, kind = _class_of(step)
    if not module.startswith("distilabel."):
        facts.gaps.append(
            Found(f"step {name!r} runs code of {module or 'an unknown module'}, which is not read", step.where)
        )
    if repo := step.get("repo_id"):
        if repo.text:
            facts.parent(repo.text, repo.where)
    elif kind.startswith("LoadDataFrom"):
        facts.gaps.append(
            Found(
                f"step {name!r} ({kind}) loads rows, and the file does not say whose; declare what it reads", step.where
            )
        )
    if any(key in step.map for key in ("model", "model_id")):
        _model(step, kind, name, facts)
    for node in step.below(walk.seen):
        walk.expect_models(node)
        if node is not step and node.map:
            inner, what = _class_of(node)
            if id(node) in walk.models or _is_model(inner, what):
                _model(node, what, name, facts)


def _is_model(module: str, name: str) -> bool:
    return any(part in module for part in (".llms", ".embeddings", ".image_generation")) or name.endswith("LLM")


def _model(node: Node, kind: str, step: str, facts: Facts) -> None:
    """A client or loader: one model, or those it is made of."""
    if any(key in node.map for key in ("aggregator_llm", "proposers_llms")):
        return
    where = node.where
    chosen = node.get(*_MODEL_KEYS)
    model = chosen.text if chosen else None
    if not model:
        endpoint = node.said("endpoint_name")
        behind = f"endpoint {endpoint!r}" if endpoint else kind or "a model"
        facts.gaps.append(Found(f"step {step!r} asks {behind}, and the file does not say which model that is", where))
        return
    where = chosen.where if chosen else where
    if model.startswith(("/", "./", "../", "~")):
        facts.gaps.append(Found(f"step {step!r} loads {model!r}, a folder whose weights the file does not name", where))
    usage = Usage.EMBEDDING if "Embeddings" in kind else Usage.SCORING if kind in _SCORERS else Usage.GENERATION
    # Its scores are a column of the data; that only a choice came through is for the author to say.
    influence = Influence.DIRECT if usage is Usage.SCORING else None
    provider, channel = _reached(node, kind, model, step, facts)
    revision = node.said("revision")
    version = revision if revision not in (None, "main") else None
    source = ModelSource(provider, model, version=version, channel=channel, usage=usage, influence=influence)
    facts.models.append(Found(source, where))


def _reached(node: Node, kind: str, model: str, step: str, facts: Facts) -> Reached:
    url = node.said("base_url", "endpoint", "azure_endpoint", "host")
    if kind in _CLIENTS:
        return reached(*_CLIENTS[kind], url, model)
    if kind in _LOADERS:
        if url and kind == "OllamaLLM":
            return reached("ollama", "localhost", url, model)
        return Reached("ollama" if kind == "OllamaLLM" else HUB, SELF_HOSTED)
    if kind == "LiteLLM" and "/" in model:
        return Reached(model.partition("/")[0], None)
    facts.gaps.append(
        Found(f"step {step!r} reaches {model!r} through {kind or 'an unknown class'}: by whom is not said", node.where)
    )
    return reached("unknown", None, url, model)
