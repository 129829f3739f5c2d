"""What every page of the path view is made from, and how it reads what it is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, cast

from lineage_guard.domain.errors import ConfigError
from lineage_guard.domain.facts import Version
from lineage_guard.domain.verdict.decide import Decision
from lineage_guard.ledger.presence import still_there
from lineage_guard.web.contents import Rules

if TYPE_CHECKING:
    from starlette.requests import Request

    from lineage_guard.ledger import Ledger

#: Rows of a page at most, and longest text that is searched for.
ROWS, _TEXT = 50, 500


@dataclass(frozen=True)
class Site:
    """What is served.

    Attributes:
        ledger: read only.
        rules: what versions are judged by now.
        clock: the time.
        namespace: OpenLineage namespace of the deployment's own assets; names without one are looked for in it.
        dagster_url: base URL of the Dagster UI, for links; ``None`` for none.
    """

    ledger: Ledger
    rules: Rules
    clock: Callable[[], datetime]
    namespace: str = "default"
    dagster_url: str | None = None


def site_of(request: Request) -> Site:
    """The site that a request is answered from.

    Raises:
        LedgerError: its ledger is gone, or cannot be read.
    """
    site = cast("Site", request.app.state.site)
    still_there(site.ledger)
    return site


def text_of(request: Request, name: str = "q") -> str:
    """A text that is looked for.

    Raises:
        ConfigError: it is longer than any name that is; the beginning of it would be another question.
    """
    text = request.query_params.get(name, "").strip()
    if len(text) > _TEXT:
        raise ConfigError(f"what is looked for has more than {_TEXT} characters", where=f"{name}=", fix="shorten it")
    return text


def decision_of(request: Request) -> Decision | None:
    """The decision that a list is about.

    Raises:
        ConfigError: there is none of that name.
    """
    said = request.query_params.get("decision") or None
    if said is not None and said not in set(Decision):
        raise ConfigError("there is no such decision", where="decision=", fix=f"one of {', '.join(Decision)}")
    return Decision(said) if said else None


def version_of(request: Request) -> Version | None:
    """The version that is asked about; ``None`` when no name is given."""
    asked = request.query_params
    name = asked.get("name", "")
    namespace = asked.get("namespace") or cast("Site", request.app.state.site).namespace
    return Version(namespace, name, asked.get("partition") or None, asked.get("run") or None) if name else None


def named_version(request: Request) -> Version:
    """The version that is asked about.

    Raises:
        ConfigError: no name is given.
    """
    version = version_of(request)
    if version is None:
        raise ConfigError("no version is named", where="name=", fix="follow a link, or search for it by its name")
    return version
