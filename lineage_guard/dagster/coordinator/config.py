"""What ``dagster.yaml`` tells the coordinator.

Dagster builds the coordinator in every process that runs a step, to read its limits. So reading
the configuration is cheap and needs no file; what it names is loaded where runs are submitted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import dagster as dg

from lineage_guard.dagster.keys import is_use
from lineage_guard.dagster.settings import Settings, ledger_location, rulebook
from lineage_guard.domain.errors import ConfigError
from lineage_guard.domain.verdict.modes import Mode

if TYPE_CHECKING:
    from lineage_guard.domain.rules.waivers import Waiver

#: Fields of a ``Waiver``, named here because importing it costs time in every process that runs a step.
WAIVER_FIELDS = (
    "id",
    "rule",
    "asset",
    "reason",
    "requested_by",
    "approved_by",
    "ticket",
    "expires",
    "model",
    "use",
    "dataset",
    "partition",
    "code",
)
_OPTIONAL = WAIVER_FIELDS[8:]
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
    waiver = {name: dg.Field(str, is_required=name not in _OPTIONAL) for name in WAIVER_FIELDS}
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
        "waivers": dg.Field(
            dg.ScalarUnion(str, [dg.Shape(waiver)]),
            default_value=[],
            description="The path of a file of waivers, which is read anew at each decision, or a list of them.",
        ),
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
    """Read the configuration. Opens nothing; see ``check``.

    Args:
        config: the values, as Dagster resolved them.

    Raises:
        ConfigError: when a waiver or a use makes no sense.
    """
    catalog = config.get("catalog")
    policy = str(config.get("policy", "default"))
    settings = Settings(
        policy=policy if policy in _SHIPPED else Path(policy),
        ledger=config.get("ledger"),
        namespace=config.get("namespace"),
        waivers=_waivers(config.get("waivers", ())),
        catalog=None if catalog is None else tuple(Path(str(path)) for path in catalog),
    )
    training = tuple(_training(each) for each in cast("Sequence[Mapping[str, str]]", config.get("training", ())))
    mode = Mode(str(config.get("mode", Mode.ENFORCE)))
    return Rules(settings, training, mode, bool(config.get("judge_gated", False)))


def check(rules: Rules) -> Rules:
    """Load everything a configuration names. The daemon does it when it starts.

    Args:
        rules: the configuration.

    Returns:
        The same.

    Raises:
        ConfigError: when anything is missing or wrong.
    """
    settings = rules.settings
    if isinstance(settings.policy, Path):
        _there(settings.policy, "policy")
    for path in settings.catalog or ():
        _there(path, "catalog")
    settings.accepted()
    rulebook(settings)
    ledger_location(settings.ledger)
    for training in rules.training:
        try:
            _ = training.selection
        except Exception as error:
            raise ConfigError(
                f"{training.select!r} is no asset selection: {' '.join(str(error).split())}",
                where=f"{WHERE}: training",
                fix='write it as in the search bar of Dagster\'s asset graph, e.g. key:"student" or tag:"team"="ml"',
            ) from error
    return rules


def _training(given: Mapping[str, str]) -> Training:
    training = Training(given["select"], given.get("use", "train_competing"))
    if not is_use(training.use):
        raise ConfigError(
            f"{training.use!r} cannot be the name of a use",
            where=f"{WHERE}: training",
            fix="use letters, digits, '_', '-' and '.', at most 63 of them",
        )
    return training


def _waivers(given: str | Sequence[Mapping[str, str]]) -> tuple[Waiver, ...] | Path:
    return Path(given) if isinstance(given, str) else tuple(_waiver(each) for each in given)


def _waiver(given: Mapping[str, str]) -> Waiver:
    from lineage_guard.domain.rules.waivers import Waiver, WaiverReason

    try:
        expires = datetime.fromisoformat(given["expires"])
    except ValueError as error:
        raise ConfigError(
            f"a waiver expires on {given['expires']!r}, which is no date",
            where=f"{WHERE}: waivers: {given['id']}",
            fix='write a day or a time as in ISO 8601: expires: "2027-01-31"',
        ) from error
    if given.get("code") and given["code"] not in list(WaiverReason):
        raise ConfigError(
            f"a waiver has the code {given['code']!r}",
            where=f"{WHERE}: waivers: {given['id']}",
            fix=f"use one of {', '.join(WaiverReason)}",
        )
    said = {**given, "expires": expires if expires.tzinfo else expires.replace(tzinfo=UTC)}
    if given.get("code"):
        said["code"] = WaiverReason(given["code"])
    return Waiver(**said)  # pyright: ignore[reportArgumentType]


def _there(path: Path, field: str) -> None:
    if not path.is_file():
        raise ConfigError(
            f"there is no file {str(path)!r}",
            where=f"{WHERE}: {field}",
            fix="name a file that exists where the webserver and the daemon run"
            + (f", or one of {', '.join(_SHIPPED)}" if field == "policy" else ""),
        )
