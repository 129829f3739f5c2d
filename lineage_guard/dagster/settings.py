"""What one call of ``guard()`` was told, and how its parts are found at run time."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from lineage_guard.dagster.modes import ENFORCED, Modes
from lineage_guard.domain.errors import ConfigError

if TYPE_CHECKING:
    from lineage_guard.catalog import Catalog
    from lineage_guard.domain.rules.policy import Policy
    from lineage_guard.domain.rules.waivers import Waivers

LEDGER_VARIABLE = "LINEAGE_GUARD_LEDGER"
#: The variable openlineage-python and dagster-openlineage read, so that names agree.
NAMESPACE_VARIABLE = "OPENLINEAGE_NAMESPACE"
#: Paths of own catalog files, separated as in PATH, for processes that load no definitions.
CATALOG_VARIABLE = "LINEAGE_GUARD_CATALOG"
DEFAULT_NAMESPACE = "default"


@dataclass(frozen=True)
class Settings:
    """The arguments of ``guard()``.

    Attributes:
        policy: name of a shipped policy, path of a policy file, or a policy.
        ledger: where the ledger is; ``None`` looks at the environment.
        namespace: OpenLineage namespace; ``None`` looks at the environment.
        waivers: accepted risks, or the file of them; ``accepted`` reads it.
        select: which training assets are guarded, in Dagster's selection syntax; ``None``: all.
        catalog: own catalog files beside the shipped ones; ``None`` looks at the environment.
        mode: whether assets are held to their verdicts. No environment variable changes it: what is
            not stopped is for reviewed code to say.
    """

    policy: str | Path | Policy = "default"
    ledger: str | None = None
    namespace: str | None = None
    waivers: Waivers | Path = ()
    select: str | dg.AssetSelection | None = None
    catalog: tuple[Path, ...] | None = None
    mode: Modes = ENFORCED

    def accepted(self) -> Waivers:
        """The waivers, as they are now. The one place where their file is read.

        Raises:
            WaiverError: the file cannot be read, or an entry is wrong: nothing is waived, and whoever
                decides must say so.
        """
        if not isinstance(self.waivers, Path):
            return self.waivers
        from lineage_guard.catalog import load_waivers

        return load_waivers(self.waivers)


def rulebook(
    settings: Settings, policy: str | Path | Policy | None = None, environment: Mapping[str, str] = os.environ
) -> tuple[Catalog, Policy]:
    """The catalog and the policy that a guard judges by. The one place they are loaded.

    Args:
        settings: what ``guard()`` was told.
        policy: used in place of the one in ``settings``, when given.
        environment: environment variables.

    Raises:
        CatalogError: an own catalog file is missing or wrong.
        PolicyError: the policy file is missing or wrong.

    Example:
        >>> rulebook(Settings())[1].name
        'default'
    """
    from lineage_guard.catalog import load_catalog, load_policy

    own = settings.catalog
    if own is None:
        own = tuple(Path(p) for p in environment.get(CATALOG_VARIABLE, "").split(os.pathsep) if p)
    catalog = load_catalog(*own)
    chosen = settings.policy if policy is None else policy
    return catalog, load_policy(chosen, catalog) if isinstance(chosen, str | Path) else chosen


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
