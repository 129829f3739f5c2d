"""What an asset's declaration feeds a suite, whichever of the shipped parameters the suite asks for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lineage_guard.domain.facts import ModelSource
from lineage_guard.gx.rows import rows_parameters
from lineage_guard.gx.suites import Suite

_OF_RESPONSES = frozenset({"declared_providers", "phrases"})
_OF_POLICY = frozenset({"permitted_models", "restricted_models"})


def asks_policy(suite: Suite) -> bool:
    """Whether a suite has parameters that the policy feeds, see ``permitted.permitted_parameters``."""
    return bool(suite.parameters & _OF_POLICY)


def declared_parameters(suite: Suite, declared: Iterable[ModelSource]) -> dict[str, Any]:
    """The parameters of ``rows_parameters``, and those of ``responses_parameters`` where the suite uses them.

    The digest of the parameters names stored evidence, so a suite that reads no text is not run again
    because the catalog of phrases changed.

    Args:
        suite: what is to be run.
        declared: the models an asset declares.

    Example:
        >>> from lineage_guard.gx.suites import load_suite
        >>> sorted(declared_parameters(load_suite("rows"), []))
        ['declared_channels', 'declared_models', 'declared_sources', 'declared_usages']
    """
    models = list(declared)
    fed: dict[str, Any] = dict(rows_parameters(models))
    if suite.parameters & _OF_RESPONSES:
        from lineage_guard.gx.scan import responses_parameters

        fed |= responses_parameters(models)
    return fed
