"""What ``dagster.yaml`` tells the coordinator, checked when the instance starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import dagster as dg

from lineage_guard.dagster.keys import is_use
from lineage_guard.dagster.settings import Settings, ledger_location, rulebook
from lineage_guard.domain.errors import ConfigError
from lineage_guard.domain.modes import Mode
from lineage_guard.domain.waivers import Waiver

WHERE = "dagster.yaml: run_coordinator: config"
_SHIPPED = ("default", "strict", "research", "observe")


@dataclass(frozen=True)
class Training:
    """Assets that train, named by the operator: for code locations that carry no tags.

    Attributes:
        select: Dagster's selection syntax, ``code_location:`` included.
        use: what they train for.
    """

    select: str
    use: str

    @property
    def selection(self) -> dg.AssetSelection:
        """The selection, to be resolved on the asset graph of the whole workspace."""
        return dg.AssetSelection.from_string(self.select)


@dataclass(frozen=True)
class Rules:
    """The coordinator's own part of its configuration.

    Attributes:
        settings: policy, catalog, ledger, namespace and waivers.
        training: assets that train, beside those whose tags say so.
        mode: what happens to a run that must not train: ``ENFORCE`` ends it before it is queued; in the
            others it goes on, with the verdict in its log.
        judge_gated: whether runs with a gate in their steps are judged like those without.
    """

    settings: Settings = field(default_factory=Settings)
    training: tuple[Training, ...] = ()
    mode: Mode = Mode.ENFORCE
    judge_gated: bool = False


def config_fields() -> dict[str, Any]:
    """The schema of these keys, to be added to those of ``QueuedRunCoordinator``."""
    waiver = {f.name: dg.Field(str, is_required=f.name not in ("model", "use")) for f in fields(Waiver)}
    return {
        "policy": dg.Field(
            dg.StringSource,
            default_value="default",
            description=f"One of {', '.join(_SHIPPED)}, or the path of a policy file.",
        ),
        "catalog": dg.Field(
            [dg.StringSource], is_required=False, description="Own catalog files beside the shipped ones."
        ),
        "ledger": dg.Field(
            dg.StringSource,
            is_required=False,
            description="Folder, file:// or s3:// URL; else LINEAGE_GUARD_LEDGER, else a folder in DAGSTER_HOME.",
        ),
        "namespace": dg.Field(
            dg.StringSource,
            is_required=False,
            description='OpenLineage namespace; else OPENLINEAGE_NAMESPACE, else "default".',
        ),
        "training": dg.Field(
            [dg.Shape({"select": dg.Field(str), "use": dg.Field(str, default_value="train_competing")})],
            default_value=[],
            description="Assets that train although no tag says so, in Dagster's selection syntax.",
        ),
        "waivers": dg.Field([dg.Shape(waiver)], default_value=[], description="Accepted risks."),
        "mode": dg.Field(
            dg.Enum("GuardMode", [dg.EnumValue(str(each)) for each in Mode]),
            default_value=str(Mode.ENFORCE),
            description="'enforce' ends a run that must not train before it is queued; in 'warn' and 'observe' it goes "
            "on, with the verdict in its log.",
        ),
        "judge_gated": dg.Field(
            bool,
            default_value=False,
            description="Judge runs with a gate in their steps like those without one.",
        ),
    }


def rules_of(config: Mapping[str, Any]) -> Rules:
    """Read the configuration and load everything it names.

    Args:
        config: the values, as Dagster resolved them.

    Raises:
        ConfigError: when anything is wrong; the daemon then does not start, and no run is submitted.
    """
    policy = str(config.get("policy", "default"))
    if policy not in _SHIPPED:
        policy = _file(policy, "policy")
    catalog = config.get("catalog")
    settings = Settings(
        policy=policy if isinstance(policy, Path) else str(policy),
        ledger=config.get("ledger"),
        namespace=config.get("namespace"),
        waivers=tuple(_waiver(each) for each in config.get("waivers", ())),
        catalog=None if catalog is None else tuple(_file(str(path), "catalog") for path in catalog),
    )
    rulebook(settings)
    ledger_location(settings.ledger)
    training = tuple(_training(each) for each in cast("Sequence[Mapping[str, str]]", config.get("training", ())))
    mode = Mode(str(config.get("mode", Mode.ENFORCE)))
    return Rules(settings, training, mode, bool(config.get("judge_gated", False)))


def _training(given: Mapping[str, str]) -> Training:
    training = Training(given["select"], given.get("use", "train_competing"))
    if not is_use(training.use):
        raise ConfigError(
            f"{training.use!r} cannot be the name of a use",
            where=f"{WHERE}: training",
            fix="use letters, digits, '_', '-' and '.', at most 63 of them",
        )
    try:
        _ = training.selection
    except Exception as error:
        raise ConfigError(
            f"{training.select!r} is no asset selection: {' '.join(str(error).split())}",
            where=f"{WHERE}: training",
            fix='write it as in the search bar of Dagster\'s asset graph, e.g. key:"student" or tag:"team"="ml"',
        ) from error
    return training


def _waiver(given: Mapping[str, str]) -> Waiver:
    try:
        expires = datetime.fromisoformat(given["expires"])
    except ValueError as error:
        raise ConfigError(
            f"a waiver expires on {given['expires']!r}, which is no date",
            where=f"{WHERE}: waivers: {given['id']}",
            fix='write a day or a time as in ISO 8601: expires: "2027-01-31"',
        ) from error
    return Waiver(**{**given, "expires": expires if expires.tzinfo else expires.replace(tzinfo=UTC)})  # pyright: ignore[reportArgumentType]


def _file(path: str, field: str) -> Path:
    if not Path(path).is_file():
        raise ConfigError(
            f"there is no file {path!r}",
            where=f"{WHERE}: {field}",
            fix="name a file that exists where the webserver and the daemon run"
            + (f", or one of {', '.join(_SHIPPED)}" if field == "policy" else ""),
        )
    return Path(path).resolve()
