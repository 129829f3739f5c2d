"""The path view as one ASGI application: pages, the same as JSON, and the receiver where it may be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.staticfiles import StaticFiles

from lineage_guard.domain.errors import ConfigError, LedgerError, LineageGuardError
from lineage_guard.web import api, further, questions, views
from lineage_guard.web.access import Access, Guarded
from lineage_guard.web.receiver import MAX_BYTES, TOKENS_VARIABLE, receiver
from lineage_guard.web.rendering import STATIC, environment, page
from lineage_guard.web.site import Site

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Scope

    from lineage_guard.ledger import Ledger

_TITLES = {404: "Not found", 405: "Not done here"}


class _Files(StaticFiles):
    """Files whose address changes with what is in them, so that a browser may keep them."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file."""
        answer = await super().get_response(path, scope)
        if answer.status_code == 200:
            answer.headers["Cache-Control"] = "private, max-age=31536000, immutable"
        return answer


def app(
    site: Site,
    access: Access,
    tokens: Sequence[str] = (),
    routes: Sequence[BaseRoute] = (),
    max_bytes: int = MAX_BYTES,
) -> Starlette:
    """The application.

    Args:
        site: what is served.
        access: who may read.
        tokens: bearer tokens that may send events; without any, nobody may.
        routes: further ones, which need a read token like every page.
        max_bytes: largest body of events, also once unpacked.
    """
    made = Starlette(
        routes=[*_pages(), *_api(), *_ingest(site, tokens, max_bytes), *routes],
        middleware=[Middleware(Guarded, access)],
        exception_handlers={
            LineageGuardError: _refused,
            HTTPException: _not_there,
            Exception: _unexpected,
        },
    )
    made.mount("/static", _Files(directory=STATIC), name="static")
    made.state.site = site
    return made


def warm(ledger: Ledger) -> None:
    """Do once what the first reader would wait for: read what is browsed, load modules, compile templates.

    Args:
        ledger: what is served.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    questions.counts(ledger)
    questions.versions(ledger, limit=1)
    for module in (
        "graph.paths",
        "answers.recorded",
        "answers.downstream",
        "answers.waived",
        "answers.documents",
        "runbooks",
    ):
        import_module(f"lineage_guard.web.{module}")
    made = environment()
    for name in made.list_templates():
        made.get_template(name)


def _pages() -> list[BaseRoute]:
    pages: dict[str, Callable[..., Response]] = {
        "/": views.verdicts,
        "/v": views.version,
        "/search": views.search,
        "/incidents": further.incidents,
        "/waivers": further.waivers,
        "/impact": further.impact,
        "/runbooks": further.runbooks,
        "/runbooks/{name}": further.runbook,
        "/report": further.report,
    }
    return [Route(path, view) for path, view in pages.items()]


def _api() -> list[BaseRoute]:
    return [Route(f"/api/v1/{name}", answer) for name, answer in api.ANSWERS.items()]


def _ingest(site: Site, tokens: Sequence[str], max_bytes: int) -> list[BaseRoute]:
    """The receiver, or a word on why there is none: who may read without a token may not write without one."""
    paths = ("/api/v1/lineage", "/api/v1/lineage/batch")
    if tokens:
        whole = receiver(site.ledger, tokens, max_bytes, site.clock)
        return [route for route in whole.routes if getattr(route, "path", None) in paths]

    def off(_: Request) -> Response:
        return JSONResponse(
            {"error": f"events are not taken in here: set {TOKENS_VARIABLE} where this server runs"}, 403
        )

    return [Route(path, off, methods=["POST"]) for path in paths]


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, LineageGuardError)
    status = 503 if isinstance(error, LedgerError) else 400 if type(error) is ConfigError else 500
    title = {503: "The ledger cannot be read", 400: "This cannot be shown"}.get(status, "Something is wrong in a file")
    return _said(request, status, title, error.what, error.where, error.fix)


def _not_there(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    what = error.detail if error.status_code == 404 and error.detail != "Not Found" else "There is no such page."
    if error.status_code == 405:
        what = "Nothing can be changed here: this server reads only."
    answer = _said(request, error.status_code, _TITLES.get(error.status_code, "Not done"), what, None, None)
    answer.headers.update(error.headers or {})
    return answer


def _unexpected(request: Request, error: Exception) -> Response:
    return _said(
        request,
        500,
        "Something unexpected happened",
        f"{type(error).__name__} while this page was made",
        request.url.path,
        "see the log of this server, and report what it says",
    )


def _said(request: Request, status: int, title: str, what: str, where: str | None, fix: str | None) -> Response:
    if request.url.path.startswith("/api/"):
        return JSONResponse({"error": what, "where": where, "fix": fix}, status)
    context = {"status": status, "title": title, "what": what, "where": where, "fix": fix}
    answer = page(request, "error.html", context, status)
    if status == 503:
        answer.headers["Retry-After"] = "5"
    return answer
