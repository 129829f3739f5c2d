"""The seal: definitions that were asked to be guarded do not run until they are.

A component sees its own definitions only, so ``LineageGuardComponent`` cannot wrap its
siblings; ``guard()`` at the root of the project does. The component therefore leaves a seal
in the definitions. ``guard()`` takes it out, and with it what the component says. Where
nobody took it out, Dagster cannot build the job over all assets, so the code location does
not load: a component that protected nothing, silently, would be worse than none.
"""

# No `from __future__ import annotations`: Dagster reads the annotation of `context` as an object.

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import dagster as dg

from lineage_guard.dagster import compat
from lineage_guard.dagster.keys import NAMESPACE
from lineage_guard.domain.errors import ConfigError

#: What the root of the project needs.
ROOT_LINE = "in definitions.py, `from lineage_guard import guard`, and `return guard(load_from_defs_folder(...))`"
#: Name of the check that is the seal. It is seen in definitions nobody guarded, and nowhere else.
SEAL_NAME = "not_guarded"
_MARK = "__lineage_guard_sealed__"


@dataclass(frozen=True)
class Sealed:
    """What a component asks of ``guard()``.

    Attributes:
        where: the file that says so.
        arguments: gives the arguments for ``guard()``.
        declare: adds what the component says of assets that are defined elsewhere.
    """

    where: str
    arguments: Callable[[], dict[str, Any]]
    declare: Callable[[dg.Definitions], dg.Definitions]


def seal(sealed: Sealed) -> dg.AssetChecksDefinition:
    """The seal, to be put among the asset checks of a component's definitions.

    Args:
        sealed: what ``guard()`` is to do.
    """

    @dg.asset_check(asset=dg.AssetKey(NAMESPACE), name=SEAL_NAME, description=_WHAT)
    def not_guarded(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=False, description=_WHAT)

    def refuse() -> None:
        raise ConfigError(_WHAT, where=sealed.where, fix=ROOT_LINE)

    setattr(not_guarded.node_def, _MARK, sealed)
    compat.refuse_jobs(cast("dg.OpDefinition", not_guarded.node_def), refuse)
    return not_guarded


_WHAT = (
    "this component asks for the project to be guarded, and nothing guards it: a component cannot wrap its "
    "siblings, the root of the project has to"
)


def unsealed(defs: dg.Definitions) -> tuple[dg.Definitions, Sealed | None]:
    """Definitions without the seal, and what it said; ``None`` where there is none.

    Args:
        defs: definitions as a project loads them.

    Raises:
        ConfigError: when two components say how to guard.
    """
    checks: Sequence[Any] = tuple(defs.asset_checks or ())
    found = [s for check in checks if (s := _sealed(check)) is not None]
    if not found:
        return defs, None
    if len(found) > 1:
        raise ConfigError(
            f"two components say how to guard: {' and '.join(s.where for s in found)}",
            where=found[1].where,
            fix="keep one of them; parts of a project can differ by rules in the policy file",
        )
    kept = [check for check in checks if _sealed(check) is None]
    return compat.with_asset_checks(defs, kept), found[0]


def _sealed(check: Any) -> Sealed | None:
    return getattr(check.node_def, _MARK, None) if isinstance(check, dg.AssetsDefinition) else None
