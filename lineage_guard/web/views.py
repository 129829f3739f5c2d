"""The pages on verdicts: the list of them, and everything about one version."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.exceptions import HTTPException

from lineage_guard.alerts.ways import ways_to_unblock
from lineage_guard.domain.facts import Version
from lineage_guard.domain.incidents.incidents import stopping
from lineage_guard.domain.verdict.decide import Decision
from lineage_guard.web import questions
from lineage_guard.web.answers.upstream import upstream_of
from lineage_guard.web.graph.tree import tree_of
from lineage_guard.web.rendering import page, part, to
from lineage_guard.web.site import ROWS, Site, decision_of, named_version, site_of, text_of

if TYPE_CHECKING:
    from datetime import datetime

    from starlette.requests import Request
    from starlette.responses import Response

    from lineage_guard.web.answers.upstream import Upstream
    from lineage_guard.web.contents import Page, VerdictView, VersionRow

#: Rows of a list that is one of several on a page.
_FEW = 12
_FORMATS = (("html", "Web page"), ("json", "JSON"), ("cyclonedx", "CycloneDX"), ("spdx", "SPDX 3"))


def verdicts(request: Request) -> Response:
    """Verdicts on record, newest first."""
    site, text, decision = site_of(request), text_of(request), decision_of(request)
    after = request.query_params.get("after")
    counts = questions.counts(site.ledger, text=text)
    found = questions.verdicts(site.ledger, text=text, decision=decision, after=after, limit=ROWS)
    context = {
        "found": found,
        "counts": counts,
        "tabs": (Decision.BLOCK, Decision.UNKNOWN, Decision.WARN, Decision.WAIVED, Decision.ALLOW),
        "decision": decision,
        "after": after,
        "now": site.clock(),
        "ledger": site.ledger.location,
    }
    return page(request, "verdicts.html", context)


def version(request: Request) -> Response:
    """One version: the verdict on it, why, by which way, how to fix it, and what else is known of it."""
    site, asked = site_of(request), named_version(request)
    view = _verdict(site, asked)
    which = view.row.target._replace(run=view.row.run) if view else _newest(site, asked)
    if which is None:
        # An alert links what would be trained, and what it would read: neither need have been made yet.
        why = "no run wrote it yet, or none was collected; what stops it, if anything, is among the incidents"
        raise HTTPException(404, f"Nothing is on record under the name {asked}: {why}.")
    at = site.clock()
    use = view.row.use if view else None
    verdict = view.verdict if view else None
    found = stopping(verdict) if verdict else ()
    most = None if request.query_params.get("whole") else questions.SOUGHT
    context = {
        "view": view,
        "which": which,
        "home": f"{site.namespace}:",
        "now": at,
        "ways": ways_to_unblock(found[0], verdict) if verdict and found else (),
        "owner": found[0] if found else None,
        "others": len(found) - 1,
        "dagster": _dagster(site, which, view),
        "formats": _FORMATS,
        "graph": part(lambda: tree_of(questions.path_graph(site.ledger, site.rules, which, at=at, use=use))),
        "judged": part(lambda: questions.explanation(site.ledger, site.rules, which, at=at, use=use, most=most)),
        "upstream": part(lambda: _upstream(site, which, at, use)),
        "versions": part(lambda: _versions(site, which)),
        "made": part(lambda: which in site.ledger.productions([which])),
        "impact": part(lambda: questions.impact(site.ledger, version=which, limit=_FEW)),
    }
    return page(request, "version.html", context)


def search(request: Request) -> Response:
    """Versions and verdicts by name, run, rule or model."""
    site, text = site_of(request), text_of(request)
    after = request.query_params.get("after")
    context = {
        "text": text,
        "after": after,
        "now": site.clock(),
        "verdicts": questions.verdicts(site.ledger, text=text, limit=_FEW) if text and not after else None,
        "versions": questions.versions(site.ledger, text=text, catalog=site.rules.catalog, after=after, limit=ROWS),
    }
    return page(request, "search.html", context)


def _verdict(site: Site, asked: Version) -> VerdictView | None:
    """The verdict on what is asked for; of a bare name, the newest on any of its partitions."""
    found = questions.verdict(site.ledger, *asked)
    if found is None and asked.run is None and asked.partition is None:
        rows = questions.verdicts(site.ledger, asset=(asked.namespace, asked.name), limit=1).rows
        if rows:
            return questions.verdict(site.ledger, asked.namespace, asked.name, rows[0].target.partition, rows[0].run)
    return found


def _versions(site: Site, which: Version) -> Page[VersionRow]:
    return questions.versions(site.ledger, asset=which[:2], catalog=site.rules.catalog, limit=_FEW)


def _newest(site: Site, asked: Version) -> Version | None:
    """A version that no verdict was taken on."""
    if asked.run is not None:
        return asked if asked in site.ledger.productions([asked]) else None
    rows = questions.versions(site.ledger, asset=asked[:2], partition=asked.partition, limit=1).rows
    return rows[0].version if rows else None


def _dagster(site: Site, which: Version, view: VerdictView | None) -> dict[str, str]:
    """Links into the Dagster UI, as far as it is known where that is."""
    if site.dagster_url is None or which.namespace != site.namespace:
        return {}
    base = site.dagster_url.rstrip("/")
    partition = {"view": "partitions", "partition": which.partition} if which.partition else {}
    links = {"Asset in Dagster": to(f"{base}/assets/{quote(which.name, safe='/')}", **partition)}
    if view and view.row.parent_run:
        links["Run in Dagster"] = f"{base}/runs/{quote(view.row.parent_run, safe='')}"
    return links


def _upstream(site: Site, which: Version, at: datetime, use: str | None) -> Upstream | None:
    from lineage_guard.web.answers.examined import examine

    found = examine(site.ledger, site.rules, which, at, use)
    return upstream_of(found.closure) if found else None
