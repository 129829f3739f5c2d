"""The pages beside the verdicts: incidents, waivers, impact, runbooks and reports."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import Response

from lineage_guard.alerts.runbooks import names
from lineage_guard.domain.errors import ConfigError
from lineage_guard.web import questions
from lineage_guard.web.rendering import page
from lineage_guard.web.runbooks import read
from lineage_guard.web.site import ROWS, named_version, site_of, text_of, version_of

if TYPE_CHECKING:
    from starlette.requests import Request

_TYPES = {
    "html": ("text/html; charset=utf-8", "html"),
    "json": ("application/json", "json"),
    "cyclonedx": ("application/vnd.cyclonedx+json", "cdx.json"),
    "spdx": ("application/spdx+json", "spdx.json"),
}
_PLAIN = re.compile(r"[^A-Za-z0-9._-]+")


def incidents(request: Request) -> Response:
    """Every open incident, one, or those of a storm."""
    site, asked = site_of(request), request.query_params.get("id")
    found = questions.incidents(site.ledger)
    chosen = [each for each in found if asked in (each.id, each.storm)] if asked else list(found)
    context = {
        "found": chosen[::-1],
        "asked": asked,
        "open": len(found),
        "now": site.clock(),
        "home": f"{site.namespace}:",
    }
    return page(request, "incidents.html", context)


def waivers(request: Request) -> Response:
    """The file of waivers."""
    site = site_of(request)
    return page(request, "waivers.html", {"told": questions.waivers(site.rules, site.clock())})


def impact(request: Request) -> Response:
    """What was made from a version, or with a model."""
    site, version, after = site_of(request), version_of(request), request.query_params.get("after")
    model, provider = text_of(request, "model"), text_of(request, "provider") or "*"
    found = None
    if version is not None or model:
        found = questions.impact(
            site.ledger,
            version=version,
            model=None if version else model,
            provider=provider,
            after=after,
            limit=ROWS,
        )
    context = {"found": found, "version": version, "model": model, "provider": provider, "after": after}
    return page(request, "impact.html", context)


def runbooks(request: Request) -> Response:
    """The runbooks."""
    return page(request, "runbooks.html", {"names": names(), "name": None, "text": read("README")})


def runbook(request: Request) -> Response:
    """One runbook."""
    name = request.path_params["name"]
    if name not in names():
        raise HTTPException(404, "There is no such runbook.")
    return page(request, "runbooks.html", {"names": names(), "name": name, "text": read(name)})


def report(request: Request) -> Response:
    """An audit report, to be kept as a file."""
    site, version = site_of(request), named_version(request)
    format_ = request.query_params.get("format", "html")
    if format_ not in _TYPES:
        raise ConfigError("there is no such format", where="format=", fix=f"one of {', '.join(_TYPES)}")
    media, ending = _TYPES[format_]
    data = questions.report_bytes(site.ledger, site.rules, version, format_)
    name = _PLAIN.sub("-", f"{version.name}-{(version.run or '')[-8:]}").strip("-")[:100]
    return Response(data, media_type=media, headers={"Content-Disposition": f'attachment; filename="{name}.{ending}"'})
