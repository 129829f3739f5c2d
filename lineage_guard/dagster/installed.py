"""What is really installed: which assets stand behind a gate, and what each process goes by.

The gate runs in the steps' processes, the sensor in the code server the daemon asks, each with an
environment of its own. What each of them goes by is noted in the Dagster instance, the one thing
they surely share, so that a gate and a sensor that look at different ledgers are found.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any, cast

import dagster as dg

from lineage_guard.dagster.gate.enter import Entry
from lineage_guard.dagster.gate.wrap import wrapped_by
from lineage_guard.dagster.settings import Settings, ledger_location, lineage_namespace

if TYPE_CHECKING:
    from lineage_guard.catalog import Catalog
    from lineage_guard.domain.rules.policy import Policy

_log = logging.getLogger("lineage_guard")
GATE, SENSOR = "gate", "sensor"


@dataclass(frozen=True, slots=True)
class Footing:
    """What a process goes by.

    Attributes:
        ledger: where its ledger is.
        namespace: OpenLineage namespace.
        policy: name of the policy.
        policy_digest: digest of rules and terms, own catalog files included.
        ancestry_digest: digest of what is known of public data.
        version: of lineage-guard.
    """

    ledger: str
    namespace: str
    policy: str
    policy_digest: str
    ancestry_digest: str
    version: str


def footing(settings: Settings, policy: Policy, catalog: Catalog) -> Footing:
    """What this process goes by.

    Args:
        settings: what ``guard()`` was told.
        policy: as it was loaded here.
        catalog: as it was loaded here.

    Raises:
        ConfigError: when nothing says where the ledger is.
    """
    return Footing(
        ledger_location(settings.ledger),
        lineage_namespace(settings.namespace),
        policy.name,
        policy.digest,
        catalog.ancestry.digest,
        metadata.version("lineage-guard"),
    )


def note(instance: dg.DagsterInstance, role: str, location: str | None, mine: Footing) -> None:
    """Leave in the instance what this process goes by; nothing is written when that stands there already.

    Never raises: it helps whoever looks, and what it is called from has more important things to do.

    Args:
        instance: the Dagster instance.
        role: ``GATE`` or ``SENSOR``.
        location: code location; ``None`` for a process that has none.
        mine: what it goes by.
    """
    try:
        said = json.dumps(asdict(mine), sort_keys=True)
        name = _name(role, location)
        storage = instance.daemon_cursor_storage
        if storage.get_cursor_values({name}).get(name) != said:
            storage.set_cursor_values({name: said})
    except Exception as error:  # noqa: BLE001  as said
        _log.warning("lineage_guard could not note what it goes by: %s: %s", type(error).__name__, error)


def noted(instance: dg.DagsterInstance, locations: Iterable[str | None]) -> dict[tuple[str, str | None], Footing]:
    """What gates and sensors said they go by, by role and code location.

    Args:
        instance: the Dagster instance.
        locations: code locations; ``None`` stands for processes that had none.
    """
    names = {_name(role, each): (role, each) for each in locations for role in (GATE, SENSOR)}
    found: dict[tuple[str, str | None], Footing] = {}
    for name, said in instance.daemon_cursor_storage.get_cursor_values(set(names)).items():
        try:
            found[names[name]] = Footing(**cast("dict[str, Any]", json.loads(said)))
        except (KeyError, TypeError, ValueError):
            continue  # of another release: the next step or tick writes it anew
    return found


def differences(one: Footing, other: Footing) -> list[str]:
    """In what two processes differ, one sentence each.

    Example:
        >>> a = Footing("/a", "default", "default", "d1", "p1", "1.0")
        >>> differences(a, Footing("/b", "default", "default", "d1", "p1", "1.0"))
        ['ledger /a and /b']
    """
    said = [
        f"{name} {a} and {b}"
        for name in ("ledger", "namespace")
        if (a := getattr(one, name)) != (b := getattr(other, name))
    ]
    if (one.policy, one.policy_digest) != (other.policy, other.policy_digest):
        said.append(f"policy {one.policy} ({one.policy_digest[:15]}) and {other.policy} ({other.policy_digest[:15]})")
    if one.ancestry_digest != other.ancestry_digest:
        said.append("what is known of public data")
    if one.version != other.version:
        said.append(f"lineage-guard {one.version} and {other.version}")
    return said


def settings_of(definition: dg.AssetsDefinition) -> Settings | None:
    """What ``guard()`` was told for an asset, or ``None`` when no gate stands before it."""
    if not definition.is_executable:
        return None
    entries = [wrapped_by(op) for op in definition.node_def.iterate_op_defs()]
    if not entries or not all(isinstance(e, Entry) for e in entries):
        return None
    return cast("Entry", entries[0]).settings


def _name(role: str, location: str | None) -> str:
    return f"lineage_guard/{role}/{location or ''}"
