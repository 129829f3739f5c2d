"""The sign on the door: an op tag by which the host process can see that a gate stands in a step.

A run is submitted by the webserver or the daemon, which never load user code. What they can
read is the run's execution plan, and the tags of its ops are in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from hashlib import sha256
from pathlib import Path
from typing import cast

import dagster as dg

from lineage_guard.dagster import compat
from lineage_guard.dagster.settings import Settings

#: Op tag of a wrapped training op; its value names the rules that the gate goes by.
GATE_TAG = "lineage_guard/gate"
#: Where a gate keeps its records does not change what it answers.
_NOT_RULES = {"ledger", "namespace"}


def fingerprint(settings: Settings) -> str:
    """Names the rules of a gate: two gates with the same one give the same answers.

    Args:
        settings: what ``guard()`` or the run coordinator was told.

    Example:
        >>> fingerprint(Settings(ledger="/a")) == fingerprint(Settings(ledger="/b"))
        True
    """
    rules = [(f.name, _said(getattr(settings, f.name))) for f in fields(settings) if f.name not in _NOT_RULES]
    if isinstance(settings.policy, Path):
        from lineage_guard.catalog.policy_file import policy_files

        rules.append(("imported", _said(policy_files(settings.policy)[1:])))
    return sha256(repr(rules).encode()).hexdigest()[:16]


def put_up(op_def: dg.OpDefinition, settings: Settings) -> None:
    """Put the sign on an op that was wrapped.

    A gate that covers a selection only is not signed: which assets that are is known in the step
    alone, and a sign without a gate would let them past the run coordinator.

    Args:
        op_def: the wrapped op of a training asset.
        settings: what ``guard()`` was told.
    """
    if settings.select is None:
        compat.tag_op(op_def, {GATE_TAG: fingerprint(settings)})


def sign_of(tags: Mapping[str, str]) -> str | None:
    """The fingerprint on a step of an execution plan; ``None`` where no gate is known to stand."""
    return tags.get(GATE_TAG)


def _said(value: object) -> object:
    digest: object = getattr(value, "digest", None)
    if isinstance(digest, str):  # a policy that was built in code
        return digest
    if isinstance(value, Path):
        return sha256(value.read_bytes()).hexdigest()
    if isinstance(value, tuple):
        return [_said(each) for each in cast("tuple[object, ...]", value)]
    return repr(value)
