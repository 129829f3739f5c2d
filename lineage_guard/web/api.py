"""The same answers as JSON, below ``/api/v1``."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from lineage_guard.pages import seen
from lineage_guard.web import questions
from lineage_guard.web.answers.plain import plain
from lineage_guard.web.site import ROWS, decision_of, named_version, site_of, text_of, version_of

if TYPE_CHECKING:
    from starlette.requests import Request

T = TypeVar("T")


def graph(request: Request) -> Response:
    """The path graph of a version."""
    site, version = site_of(request), named_version(request)
    use = request.query_params.get("use") or None
    told = questions.path_graph(site.ledger, site.rules, version, at=site.clock(), use=use)
    data = plain(_there(told))
    for node in data["nodes"]:
        node["shown"] = seen(node["label"].removeprefix(f"{site.namespace}:"))
    return JSONResponse(data)


def explanation(request: Request) -> Response:
    """What is thought of a version now."""
    site, version = site_of(request), named_version(request)
    use = request.query_params.get("use") or None
    told = questions.explanation(site.ledger, site.rules, version, at=site.clock(), use=use)
    return JSONResponse(plain(_there(told)))


def verdict(request: Request) -> Response:
    """The newest verdict on a version, as it is on record."""
    view = _there(questions.verdict(site_of(request).ledger, *named_version(request)))
    return JSONResponse({"row": plain(view.row), "headline": view.headline, "record": plain(view.facet)})


def verdicts(request: Request) -> Response:
    """Verdicts, newest first; ``after`` asks for the next ones."""
    found = questions.verdicts(
        site_of(request).ledger,
        text=text_of(request),
        decision=decision_of(request),
        after=request.query_params.get("after"),
        limit=ROWS,
    )
    return JSONResponse(plain(found))


def versions(request: Request) -> Response:
    """Versions, newest first."""
    site, after = site_of(request), request.query_params.get("after")
    found = questions.versions(site.ledger, text=text_of(request), catalog=site.rules.catalog, after=after, limit=ROWS)
    return JSONResponse(plain(found))


def impact(request: Request) -> Response:
    """What is downstream of a version or of a model."""
    version = version_of(request)
    found = questions.impact(
        site_of(request).ledger,
        version=version,
        model=None if version else text_of(request, "model") or "*",
        provider=text_of(request, "provider") or "*",
        after=request.query_params.get("after"),
        limit=ROWS,
    )
    return JSONResponse(plain(found))


def incidents(request: Request) -> Response:
    """Every open incident."""
    return JSONResponse(plain(questions.incidents(site_of(request).ledger)))


def waivers(request: Request) -> Response:
    """The file of waivers."""
    site = site_of(request)
    return JSONResponse(plain(questions.waivers(site.rules, site.clock())))


def _there(told: T | None) -> T:
    if told is None:
        raise HTTPException(404, "Nothing is on record of it.")
    return told


ANSWERS = {
    "graph": graph,
    "explanation": explanation,
    "verdict": verdict,
    "verdicts": verdicts,
    "versions": versions,
    "impact": impact,
    "incidents": incidents,
    "waivers": waivers,
}
