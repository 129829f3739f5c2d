"""What one call of ``guard()`` was told, and how its parts are found at run time."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from lineage_guard.domain.errors import ConfigError
from lineage_guard.domain.policy import Policy
from lineage_guard.domain.waivers import Waivers

LEDGER_VARIABLE = "LINEAGE_GUARD_LEDGER"
#: The variable openlineage-python and dagster-openlineage read, so that names agree.
NAMESPACE_VARIABLE = "OPENLINEAGE_NAMESPACE"
DEFAULT_NAMESPACE = "default"


@dataclass(frozen=True)
class Settings:
    """The arguments of ``guard()``.

    Attributes:
        policy: name of a shipped policy, path of a policy file, or a policy.
        ledger: where the ledger is; ``None`` looks at the environment.
        namespace: OpenLineage namespace; ``None`` looks at the environment.
        waivers: accepted risks.
        select: which training assets are guarded, in Dagster's selection syntax; ``None``: all.
    """

    policy: str | Path | Policy = "default"
    ledger: str | None = None
    namespace: str | None = None
    waivers: Waivers = ()
    select: str | dg.AssetSelection | None = None


def ledger_location(ledger: str | None, environment: Mapping[str, str] = os.environ) -> str:
    """Where the ledger is: the argument, ``LINEAGE_GUARD_LEDGER``, or a folder in ``DAGSTER_HOME``.

    Args:
        ledger: what ``guard(ledger=...)`` was given.
        environment: environment variables.

    Raises:
        ConfigError: when none of them says where.

    Example:
        >>> ledger_location(None, {"DAGSTER_HOME": "/srv/dagster"})
        '/srv/dagster/lineage_guard'
    """
    if ledger:
        return ledger
    if environment.get(LEDGER_VARIABLE):
        return environment[LEDGER_VARIABLE]
    if environment.get("DAGSTER_HOME"):
        return str(Path(environment["DAGSTER_HOME"]) / "lineage_guard")
    raise ConfigError(
        "no place for the ledger is set",
        where="guard(defs)",
        fix=f"pass guard(defs, ledger=...), or set {LEDGER_VARIABLE} or DAGSTER_HOME in every process that runs steps",
    )


def lineage_namespace(namespace: str | None, environment: Mapping[str, str] = os.environ) -> str:
    """The OpenLineage namespace: the argument, ``OPENLINEAGE_NAMESPACE``, or ``"default"``.

    Args:
        namespace: what ``guard(namespace=...)`` was given.
        environment: environment variables.
    """
    return namespace or environment.get(NAMESPACE_VARIABLE) or DEFAULT_NAMESPACE
