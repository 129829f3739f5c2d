"""Whether a gate stands before every training asset, and which assets look like training and are not marked."""

from __future__ import annotations

import re

import dagster as dg

from lineage_guard.cli.doctor.patient import Patient
from lineage_guard.cli.doctor.result import Result, listed

#: Kinds that Dagster users give to assets that are trained models.
KINDS = frozenset({"pytorch", "tensorflow", "keras", "jax", "sklearn", "scikitlearn", "lightgbm", "xgboost", "model"})
#: Words in the last part of an asset's key, or of its function's name, that speak of training.
WORDS = re.compile(
    r"(?:^|_)(?:(?:re|pre)?train(?:ed|ing)?|fine_?tun(?:e|ed|ing)|distill?(?:ed|ation)?|sft|dpo|rlhf|lora)(?:_|$)",
    re.IGNORECASE,
)
#: What such words mean beside data: a training set is read, not trained.
_DATA = re.compile(
    r"(?:^|_)(?:data|dataset|set|split|rows|examples|texts?|table|labels?|config|params)(?:_|$)", re.IGNORECASE
)


def examine(patient: Patient) -> list[Result]:
    """Look at every asset."""
    if not patient.locations:
        return []
    marked = patient.guarded
    open_ = [name for name, _, told in marked if told is None]
    if open_:
        fix = "pass them to guard(), as the last line that touches the definitions, or take the training tag off"
        results = [Result("training assets", "fail", f"no gate stands before: {listed(open_)}", fix)]
    elif marked:
        results = [Result("training assets", "ok", f"{len(marked)} tagged, a gate before each")]
    else:
        fix = "tag what trains a model with **training(use=...), or nothing is gated"
        results = [Result("training assets", "warn", "no asset is tagged as training", fix)]
    hints = _unmarked(patient)
    if hints:
        fix = "if they train, tag them with training(use=...); if not, there is nothing to do"
        results.append(
            Result("unmarked training", "hint", f"these look like training and are not marked: {listed(hints)}", fix)
        )
    return results


def looks_like_training(spec: dg.AssetSpec, function: str = "") -> bool:
    """Whether kinds or names speak of training. A guess, for people to look at.

    Args:
        spec: the asset.
        function: name of its function.

    Example:
        >>> looks_like_training(dg.AssetSpec("finetune_student")), looks_like_training(dg.AssetSpec("training_data"))
        (True, False)
    """
    if KINDS & {k.lower() for k in spec.kinds}:
        return True
    names = {spec.key.path[-1], function}
    return any(WORDS.search(n) for n in names) and not any(_DATA.search(n) for n in names)


def _unmarked(patient: Patient) -> list[str]:
    from lineage_guard.dagster.keys import use_of

    return [
        spec.key.to_user_string()
        for _, definition, spec in patient.assets()
        if definition.is_executable and not use_of(spec.tags) and looks_like_training(spec, definition.node_def.name)
    ]
