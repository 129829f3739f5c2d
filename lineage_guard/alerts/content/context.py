"""What an alert may say beyond its verdict, and the links it may hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from lineage_guard.alerts.ways import NAME, cut
from lineage_guard.domain.facts import Version
from lineage_guard.domain.incidents.incident import asset_of
from lineage_guard.domain.incidents.storms import LIMIT

#: Longest text and link; most names in a list.
TEXT, STEPS = 2000, 24


@dataclass(frozen=True, slots=True)
class Context:
    """What an alert may say beyond its verdict.

    Attributes:
        deployment: name of the Dagster deployment.
        dagster_url: base URL of the Dagster UI; no links to it when ``None``.
        runbooks: URL or folder that holds the runbooks of ``docs/runbooks/`` as files; ``None`` when
            they are published nowhere: the path view shows them, or ``lineage-guard runbook``.
        owners: owners by OpenLineage asset name.
        serve_url: base URL of the path view (``lineage-guard serve``); no links to it when ``None``.
        storm_limit: incidents that may begin within five minutes and be told one by one, see ``storms``.
    """

    deployment: str = "default"
    dagster_url: str | None = None
    runbooks: str | None = None
    owners: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    serve_url: str | None = None
    storm_limit: int = LIMIT

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Context:
        """What an environment says.

        Args:
            environ: usually ``os.environ``. Read are ``LINEAGE_GUARD_DEPLOYMENT``,
                ``LINEAGE_GUARD_DAGSTER_URL``, ``LINEAGE_GUARD_SERVE_URL``, ``LINEAGE_GUARD_RUNBOOKS``
                and ``LINEAGE_GUARD_STORM_LIMIT``, of which what is no number is as if it were not set.

        Example:
            >>> Context.from_env({"LINEAGE_GUARD_DEPLOYMENT": "prod"}).deployment
            'prod'
        """
        return cls(
            deployment=environ.get("LINEAGE_GUARD_DEPLOYMENT") or "default",
            dagster_url=environ.get("LINEAGE_GUARD_DAGSTER_URL") or None,
            runbooks=environ.get("LINEAGE_GUARD_RUNBOOKS") or None,
            serve_url=environ.get("LINEAGE_GUARD_SERVE_URL") or None,
            storm_limit=int(limit) if (limit := environ.get("LINEAGE_GUARD_STORM_LIMIT", "")).isdecimal() else LIMIT,
        )

    def runbook(self, name: str) -> str:
        """Where a runbook is: a URL, or the command that prints it.

        Example:
            >>> Context().runbook("storm"), Context(serve_url="https://guard.example/").runbook("storm")
            ('lineage-guard runbook storm', 'https://guard.example/runbooks/storm')
        """
        if self.runbooks:
            return f"{self.runbooks.rstrip('/')}/{name}.md"
        return f"{self.serve_url.rstrip('/')}/runbooks/{name}" if self.serve_url else f"lineage-guard runbook {name}"

    def owners_of(self, targets: Iterable[str]) -> tuple[str, ...]:
        """The owners of some training assets (``namespace:name``), each once."""
        found = [self.owners.get(asset_of(t)[1], self.owners.get(t, ())) for t in targets]
        return tuple(dict.fromkeys(owner for each in found for owner in each))

    def asset(self, version: Version) -> str | None:
        """The page of an asset in Dagster's UI."""
        if not self.dagster_url:
            return None
        partition = f"?view=partitions&partition={quote(version.partition, safe='')}" if version.partition else ""
        return f"{self.dagster_url.rstrip('/')}/assets/{quote(version.name, safe='/')}{partition}"

    def run(self, run_id: str | None) -> str | None:
        """The page of a run in Dagster's UI."""
        return f"{self.dagster_url.rstrip('/')}/runs/{quote(run_id, safe='')}" if self.dagster_url and run_id else None

    def path(self, version: Version) -> str | None:
        """The page of a version in the path view."""
        if not self.serve_url:
            return None
        said = {"namespace": version.namespace, "name": version.name}
        said |= {"partition": version.partition} if version.partition is not None else {}
        said |= {"run": version.run} if version.run else {}
        return f"{self.serve_url.rstrip('/')}/v?{urlencode(said, quote_via=quote, safe='')}"

    def incident(self, id: str) -> str | None:
        """The page of an incident in the path view."""
        return f"{self.serve_url.rstrip('/')}/incidents?id={quote(id, safe='')}" if self.serve_url else None


def kept(links: Mapping[str, str | None]) -> dict[str, str]:
    """The links that there are, and that are not too long for any receiver."""
    return {name: url for name, url in links.items() if url and len(url) <= TEXT}


def some(names: Iterable[str]) -> tuple[str, ...]:
    """The names, each cut; the middle of a long list is left out and counted."""
    every, half = tuple(names), STEPS // 2
    if len(every) > STEPS:
        every = (*every[:half], f"… {len(every) - 2 * half} more …", *every[-half:])
    return tuple(cut(n, NAME) for n in every)
