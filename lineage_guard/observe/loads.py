"""Weights that a step loads itself: Hugging Face ``transformers`` and vLLM, hooked once they are imported.

Verified against transformers 5.23 and vLLM 0.33. Whose weights they are is worked out when the step ends.
"""

from __future__ import annotations

import functools
import logging
import os
from pathlib import Path
from types import ModuleType
from typing import Any

from lineage_guard.domain.facts import Usage
from lineage_guard.observe.http import replace
from lineage_guard.observe.imports import when_imported
from lineage_guard.observe.recorder import Answer, Loaded, recorders
from lineage_guard.observe.weights import hub_folder, hub_name, weights_digest

_LOG = logging.getLogger("lineage_guard.observe")
#: What a head of a transformers model can have done to data; any other writes.
_HEADS = (
    ("ForSequenceClassification", Usage.SCORING),
    ("ForTokenClassification", Usage.ANNOTATION),
    ("ForMaskedLM", Usage.EMBEDDING),
    ("Model", Usage.EMBEDDING),
)


def hook_loads() -> None:
    """Hook the loaders that are imported, and each other one when it is."""
    when_imported("transformers.modeling_utils", _hook_transformers)
    when_imported("vllm.entrypoints.llm", _hook_vllm)


def _hook_transformers(module: ModuleType) -> None:
    owner: Any = module.PreTrainedModel
    if "__lineage_guard_observed__" in vars(owner):
        return
    load: Any = owner.from_pretrained.__func__

    @functools.wraps(load)
    def from_pretrained(cls: Any, pretrained_model_name_or_path: Any, *args: Any, **options: Any) -> Any:
        model = load(cls, pretrained_model_name_or_path, *args, **options)
        if recorders():
            # What it was called with may be a default of the caller; the config says what was read.
            config: Any = getattr(model, "config", None)
            name = pretrained_model_name_or_path or getattr(config, "_name_or_path", None)
            loaded(name, getattr(config, "_commit_hash", None) or options.get("revision"), type(model).__name__)
        return model

    owner.from_pretrained = classmethod(from_pretrained)
    owner.__lineage_guard_observed__ = True


def _hook_vllm(module: ModuleType) -> None:
    replace(module.LLM, "__init__", _starting_vllm)


def _starting_vllm(start: Any) -> Any:
    def starting(self: Any, model: Any, *args: Any, **options: Any) -> None:
        start(self, model, *args, **options)
        if recorders():
            loaded(model, options.get("revision"), "ForCausalLM")

    return starting


def loaded(name: object, revision: str | None, kind: str) -> None:
    """Note that weights were loaded, wherever somebody records.

    Args:
        name: model id or folder, as it was asked for.
        revision: branch, tag or commit.
        kind: name of the model's class; its head tells what it can do.
    """
    if not isinstance(name, str | os.PathLike):
        return
    usage = next((usage for head, usage in _HEADS if kind.endswith(head)), None)
    load = Loaded(Answer(os.fspath(name), version=None if revision == "main" else revision, usage=usage), identify)
    for recorder in recorders():
        recorder.loaded(load)


def identify(answer: Answer) -> Answer:
    """The same answer with the model's id, without a path of this machine, and the digest of its weights.

    Weights that cannot be found keep their name and have no digest, which is a finding of its own.

    Args:
        answer: its model is an id or a folder.
    """
    name = answer.model or ""
    folder = Path(name) if os.path.isdir(name) or os.path.isfile(name) else hub_folder(name, answer.version)
    version = answer.version
    if os.path.exists(name):
        hub = hub_name(os.path.abspath(name))
        name, version = hub or (Path(name).resolve().name, version)
    elif folder is not None:
        version = folder.name
    try:
        digest = weights_digest(folder) if folder is not None else None
    except Exception:  # noqa: BLE001 - no digest is a finding, and the step has done its work
        _LOG.warning("the weights of %s have no digest", name, exc_info=True)
        digest = None
    return answer._replace(model=name, version=version, digest=digest)
