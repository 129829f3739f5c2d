"""NeMo Data Designer configs: columns, and the models that fill them.

Format: ``data_designer/config`` (``BuilderConfig``, ``DataDesignerConfig``, ``ModelConfig``, ``ModelProvider``,
column and seed configs) at github.com/NVIDIA-NeMo/DataDesigner, and the older ``model.api_endpoint`` of NeMo
microservices 25.8, read in November 2026.
"""

from __future__ import annotations

from pathlib import Path

from lineage_guard.domain.facts import ModelSource, Usage
from lineage_guard.readers.channels import host_of
from lineage_guard.readers.documents import Node
from lineage_guard.readers.facts import Facts, Found

FORMAT = "NeMo Data Designer config"
#: Column types that a model fills, and what it does there. A judge's words are in its column.
_FILLED = {
    "llm-text": Usage.GENERATION,
    "llm-code": Usage.GENERATION,
    "llm-structured": Usage.GENERATION,
    "llm-judge": Usage.ANNOTATION,
    "image": Usage.GENERATION,
    "embedding": Usage.EMBEDDING,
}
_NO_MODEL = {"sampler", "expression", "validation", "seed-dataset"}
_UNSAID = (
    "a run can be given other models and providers than the file names",
    "what its seed rows were made from is for its upstream assets to say",
)


def is_config(root: Node) -> bool:
    """Whether a document is one."""
    inner = _inner(root)
    columns = inner.map.get("columns")
    typed = columns is not None and any("column_type" in c.map for c in columns.items)
    configs = inner.map.get("model_configs")
    return typed or (configs is not None and any("alias" in c.map for c in configs.items))


def read_config(root: Node, path: Path) -> Facts:
    """The facts of a config.

    Args:
        root: the document.
        path: of the file.
    """
    facts = Facts(str(path), FORMAT, unsaid=_UNSAID)
    inner = _inner(root)
    configs = _named(inner, "model_configs", "alias")
    providers = _named(inner, "model_providers", "name") | _named(root, "model_providers", "name")
    filled: dict[tuple[str, Usage], list[str]] = {}
    columns = inner.map.get("columns")
    for column in columns.items if columns is not None else []:
        _column(column, facts, filled)
    if columns is None or not columns.items:
        facts.gaps.append(Found("it lists no columns, so which of its models were used is not said", inner.where))
        filled = {(alias, Usage.GENERATION): [] for alias in configs}
    for (alias, usage), names in filled.items():
        config = configs.get(alias)
        if config is None:
            facts.gaps.append(
                Found(
                    f"column {names[0]!r} uses the model alias {alias!r}, which the file does not define", inner.where
                )
            )
        else:
            _model(config, alias, usage, tuple(names), providers, facts)
    _seed(inner, facts)
    if (tools := inner.get("tool_configs")) is not None and tools.items:
        facts.gaps.append(Found("models could call tools, and what tools gave them is not said", tools.where))
    return facts


def _inner(root: Node) -> Node:
    inner = root.map.get("data_designer")
    return inner if inner is not None and inner.map else root


def _named(node: Node, key: str, name: str) -> dict[str, Node]:
    found = node.map.get(key)
    return {n: each for each in (found.items if found is not None else []) if (n := each.said(name))}


def _column(column: Node, facts: Facts, filled: dict[tuple[str, Usage], list[str]]) -> None:
    name = column.said("name") or "a column"
    kind = column.said("column_type") or ""
    alias = column.said("model_alias")
    if kind in _FILLED and alias:
        filled.setdefault((alias, _FILLED[kind]), []).append(name)
    elif kind in _FILLED:
        facts.gaps.append(Found(f"column {name!r} is filled by a model and names none", column.where))
    elif kind not in _NO_MODEL:
        what = f"of type {kind!r}" if kind else "without a column_type"
        facts.gaps.append(Found(f"column {name!r} is {what}: what fills it is not said", column.where))
        if alias:
            filled.setdefault((alias, Usage.GENERATION), []).append(name)


def _model(
    config: Node, alias: str, usage: Usage, fields: tuple[str, ...], providers: dict[str, Node], facts: Facts
) -> None:
    chosen = config.get("model")
    endpoint = chosen.map.get("api_endpoint") if chosen else None
    model = endpoint.said("model_id") if endpoint else chosen.text if chosen else None
    if not model:
        facts.gaps.append(Found(f"model alias {alias!r} names no model", config.where))
        return
    provider = config.said("provider")
    known = providers.get(provider or "")
    url = endpoint.said("url") if endpoint else known.said("endpoint") if known else None
    channel = host_of(url) if url else None
    where = chosen.where if chosen else config.where
    if provider is None and channel is None:
        facts.gaps.append(Found(f"model alias {alias!r} names no provider, so the default one answered", config.where))
    elif channel is None:
        facts.gaps.append(Found(f"where the provider {provider!r} answers is not in the file (model_providers)", where))
    source = ModelSource(provider or channel or "unknown", model, channel=channel, usage=usage, fields=fields)
    facts.models.append(Found(source, where))


def _seed(inner: Node, facts: Facts) -> None:
    seed = inner.get("seed_config")
    if seed is None:
        return
    source = seed.get("source") or seed
    path = source.said("path", "dataset", "repo_id") or ""
    kind = source.said("seed_type") or ("hf" if seed.get("repo_id", "dataset") else "")
    parts = path.removeprefix("hf://").removeprefix("datasets/").split("/")
    if kind == "hf" and len(parts) >= 2 and all(parts[:2]):
        facts.parent("/".join(parts[:2]), source.where)
    else:
        facts.gaps.append(
            Found(f"its seed rows come from {path or kind or 'somewhere'!r}: declare what it reads", seed.where)
        )
