"""What the answer of a lineage backend means, whichever transport of openlineage-python it came over.

Imports ``requests`` inside functions: a process that delivers nothing has no use for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any

#: Seconds; a backend that asks for a longer pause (``Retry-After``) is asked again after this.
LONGEST_WAIT = 3600.0
# To an event that it will never take, however often it is sent.
_NEVER_TAKEN = frozenset({400, 413, 422})
# When it broke over the event itself. Others (502, 503, 504) may also say that nobody is at home.
_BROKE = frozenset({500, 501})
# To whoever sends, whatever it is.
_TO_THE_SENDER = frozenset({401, 407, 429})
# Redirects after which the same request is sent again. After others it would become a GET without the event.
_SENT_ON = frozenset({307, 308})
# The name and password of a URL.
_LOGIN = re.compile(r"(?<=://)[^/@\s]+@")


def never_taken(error: BaseException) -> bool:
    """Whether the backend has looked at the event and will not have it."""
    return _status(error) in _NEVER_TAKEN


def broke(error: BaseException) -> bool:
    """Whether the backend says that it broke over the event."""
    return _status(error) in _BROKE


def doubtful(error: BaseException) -> bool:
    """Whether it may be the event that was not to be sent, and not the backend or the way there.

    A firewall that looks into bodies answers 403 to one of them, a proxy hangs up over a long one, a slow insert
    runs into a time-out. A refused connection, an unknown host or a wrong token have nothing to do with the event.
    """
    from requests.exceptions import ConnectionError
    from urllib3.exceptions import ProtocolError, ReadTimeoutError

    status = _status(error)
    if status is not None:
        return status >= 400 and status not in _TO_THE_SENDER and not asked_to_wait(error)
    if any(True for _ in _responses(error)):
        return False  # of the token endpoint
    for each in _chain(error):
        if isinstance(each, ConnectionError):
            inner = each.args[0] if each.args else None
            return isinstance(getattr(inner, "reason", inner), (ReadTimeoutError, ProtocolError))
    return True


def asked_to_wait(error: BaseException) -> float:
    """The pause that was asked for, in seconds (``Retry-After``: a number or a date, RFC 9110, 10.2.3)."""
    for response in _responses(error):
        headers = getattr(response, "headers", {})
        text = str(headers.get("Retry-After") or "").strip()
        if text.isdecimal():
            return min(float(text), LONGEST_WAIT)
        try:
            # Against the answer's own clock: ours may go wrong.
            wait = parsedate_to_datetime(text) - parsedate_to_datetime(str(headers.get("Date") or ""))
        except (TypeError, ValueError):
            continue
        return min(max(wait.total_seconds(), 0.0), LONGEST_WAIT)
    return 0.0


def described(error: BaseException) -> str:
    """The error for people, with the beginning of what was answered and without what logs in."""
    cause = f" ({error.__cause__})" if error.__cause__ else ""
    said = next((str(getattr(r, "text", "") or "").strip() for r in _responses(error)), "")
    return _LOGIN.sub("***@", f"{type(error).__name__}: {error}{cause}" + (f": {said[:200]}" if said else ""))


def check(response: Any, **_: object) -> None:
    """A hook of requests: refuse answers that say nothing of the event and would count as success.

    Requests follows 301, 302 and 303 with a GET that leaves the event behind, and takes the page
    found there, a log-in form for one, for success.

    Raises:
        requests.HTTPError: for such an answer.
    """
    from requests import HTTPError

    status = int(response.status_code)
    if 300 <= status < 400 and not (status in _SENT_ON and response.is_redirect):
        # What follows the path of a log-in page may log somebody in.
        to = str(response.headers.get("Location") or "").partition("?")[0]
        where = f" to {to}; is that where events are to be sent?" if to else ""
        # Read to its end, or the connection stays open.
        response.content  # noqa: B018
        raise HTTPError(f"{status} from {response.url}, a redirect{where}", response=response)
    kind = str(response.headers.get("Content-Type") or "")
    if 200 <= status < 300 and kind.startswith("text/html") and response.text.lstrip().startswith("<"):
        raise HTTPError(
            f"{status} from {response.url} with a web page: no lineage backend answers so", response=response
        )


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__


def _responses(error: BaseException) -> Iterator[Any]:
    for each in _chain(error):
        response: Any = getattr(each, "response", None)
        if response is not None:
            yield response


def _status(error: BaseException) -> int | None:
    """The status of the answer to the event; ``None`` when there was none, as when no token could be had for it."""
    for response in _responses(error):
        request: Any = getattr(response, "request", None)
        kind = str(getattr(request, "headers", {}).get("Content-Type") or "")
        if getattr(request, "method", None) == "POST" and "json" in kind:
            return getattr(response, "status_code", None)
    return None
