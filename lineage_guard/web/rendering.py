"""Pages of the path view: Jinja templates, sent piece by piece so that what is known first is seen first."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from glob import escape as literal
from hashlib import sha256
from itertools import chain
from pathlib import Path
from shlex import quote as shell
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote, urlencode

from starlette.responses import HTMLResponse, Response, StreamingResponse

from lineage_guard.domain.errors import LineageGuardError
from lineage_guard.domain.facts import Version
from lineage_guard.domain.grammar import plural
from lineage_guard.domain.rules.policy import ReasonCode
from lineage_guard.domain.verdict.explain import outcome
from lineage_guard.pages import seen, templates

if TYPE_CHECKING:
    from jinja2 import Environment
    from starlette.requests import Request

T = TypeVar("T")
STATIC = Path(__file__).parent / "static"
_TEMPLATES = Path(__file__).parent / "templates"
#: In a template: send what stands before this, whatever takes its time comes after it.
_FLUSH = "\x00"
_ENOUGH = 16_384
#: Ends whatever a page may break off in, and says that it did.
_BROKEN = (
    b"'\"></bdi></td></table></pre></details></main><main><div class='note bad' role='alert'>"
    b"<strong>This page is not complete:</strong> the rest of it could not be made. "
    b"To fix: load it again, and see the log of this server.</div></main></body></html>"
)
#: Longest name that is written whole in a list, and longest address of a link that servers take.
_NAME, _LINK = 110, 6_000
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """A part of a page, or why it is not there.

    Attributes:
        value: the part; ``None`` when there is none, too.
        problem: what went wrong.
    """

    value: T | None
    problem: str | None = None


def part(question: Callable[[], T]) -> Callable[[], Part[T]]:
    """A question that a page asks when it gets there; that it cannot be answered is said there, and nowhere else.

    Args:
        question: the question.
    """

    def ask() -> Part[T]:
        try:
            return Part(question())
        except LineageGuardError as error:
            return Part(None, str(error))
        except Exception as error:  # noqa: BLE001
            # The page stands already; what is missing in it must be seen in it.
            _log.exception("a part of a page could not be made")
            return Part(None, f"unexpected {type(error).__name__}. To fix: see the log of this server")

    return ask


def page(request: Request, name: str, context: Mapping[str, Any], status: int = 200) -> Response:
    """A page, sent as it is made.

    Args:
        request: what it answers.
        name: of the template.
        context: what the template is given.
        status: HTTP status.
    """
    template = environment().get_template(name)
    # What every page has: where the reader is, and what stands in the search field.
    whole = {"here": request.url.path, "q": request.query_params.get("q", ""), **context}
    if request.method == "HEAD":
        return HTMLResponse(status_code=status)
    pieces = _pieces(template.generate(whole))
    # What goes wrong up to here still has a status of its own.
    first = next(pieces, b"")
    return StreamingResponse(chain((first,), _to_the_end(pieces)), status, media_type="text/html; charset=utf-8")


def _pieces(made: Iterator[str]) -> Iterator[bytes]:
    held: list[str] = []
    size = 0
    for piece in made:
        if piece != _FLUSH:
            held.append(piece)
            size += len(piece)
        if held and (piece == _FLUSH or size > _ENOUGH):
            yield "".join(held).encode("utf-8", "backslashreplace")
            held, size = [], 0
    yield "".join(held).encode("utf-8", "backslashreplace")


def _to_the_end(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces; a page that breaks off says so, as a browser shows half of one without a word."""
    try:
        yield from pieces
    except Exception:  # noqa: BLE001  whatever it is, the status is sent already
        _log.exception("a page could not be made to its end")
        yield _BROKEN


@cache
def environment() -> Environment:
    """The templates, with what they may call."""
    made = templates(
        _TEMPLATES,
        short=short,
        when=when,
        ago=ago,
        many=many,
        runbook=runbook,
        outcome=outcome,
        shell=shell,
        literal=literal,
    )
    own: dict[str, Any] = {"flush": _FLUSH, "to": to, "to_version": to_version, "static": static, "web": web}
    made.globals.update(own)
    return made


def short(value: object, most: int = _NAME) -> str:
    """A name of which nothing is hidden, without the middle of a very long one.

    Example:
        >>> short("x" * 200, 11)
        'xxxxx…xxxxx'
    """
    text = str(value)
    if len(text) > most:
        half = most // 2
        text = f"{text[:half]}…{text[-half:]}"
    return seen(text)


def when(at: datetime | None) -> str:
    """A time to be read by people, in UTC."""
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else "unknown"


def ago(at: datetime, now: datetime) -> str:
    """How long ago a time was.

    Example:
        >>> ago(datetime(2026, 3, 1, 12), datetime(2026, 3, 1, 14, 30))
        '2 h ago'
    """
    passed = now - at
    if passed < timedelta(minutes=1):
        return "now"
    if passed < timedelta(hours=1):
        return f"{passed // timedelta(minutes=1)} min ago"
    if passed < timedelta(days=2):
        return f"{passed // timedelta(hours=1)} h ago"
    return f"{passed.days} days ago"


def many(count: int, word: str) -> str:
    """A count with its word.

    Example:
        >>> many(1, "version"), many(1200, "version")
        ('1 version', '1,200 versions')
    """
    return f"{count:,} {plural(word, count)}"


def runbook(reason: str, rule: str = "") -> str:
    """The address of the runbook of a reason, ``""`` when there is none."""
    from lineage_guard.alerts import runbooks

    plain = reason.lower().replace("_", "-")  # what is no finding has a runbook of its own name: storm, waiver-ends
    known = runbooks.name_of(ReasonCode(reason), rule) if reason in set(ReasonCode) else plain
    return to(f"/runbooks/{quote(known, safe='')}") if known in runbooks.names() else ""


def to(path: str, **query: object) -> str:
    """An address within the path view; what is not given or empty is not in it.

    Example:
        >>> to("/", q="a&b", after=None)
        '/?q=a%26b'
    """
    asked = {name: str(value) for name, value in query.items() if value not in (None, "")}
    return f"{path}?{urlencode(asked, quote_via=quote, errors='backslashreplace')}" if asked else path


def to_version(version: Version, path: str = "/v", **more: object) -> str:
    """The address of a version, ``""`` when its name is too long for any.

    Example:
        >>> to_version(Version("default", "synthetic/de", "2026-11-01"))
        '/v?namespace=default&name=synthetic%2Fde&partition=2026-11-01'
    """
    n, name, partition, run = version
    address = to(path, namespace=n, name=name, partition=partition, run=run, **more)
    return address if len(address) <= _LINK else ""


@cache
def static(name: str) -> str:
    """The address of a file of ours, which changes with what is in it."""
    return to(f"/static/{name}", d=sha256((STATIC / name).read_bytes()).hexdigest()[:16])


def web(url: str | None) -> bool:
    """Whether an address is one that a reader may follow."""
    return bool(url) and str(url).startswith(("https://", "http://")) and len(str(url)) <= _LINK
