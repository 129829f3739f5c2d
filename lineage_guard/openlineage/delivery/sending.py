"""One event over one of openlineage-python's transports: tried, refused, or failed.

Imports ``openlineage.client`` inside functions: it costs 0.6 s.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lineage_guard.domain.errors import ConfigError, EventError
from lineage_guard.openlineage.delivery import refusals

if TYPE_CHECKING:
    from openlineage.client import OpenLineageClient
    from openlineage.client.client import Event


class Refused(Exception):
    """The backend has looked at the event and will not have it."""


class Failed(Exception):
    """The event could not be sent, this time.

    Attributes:
        broke: whether the backend answered that it broke over this event.
        doubtful: whether it may be this event, and not the backend, that is to blame.
        wait: seconds that the backend asked to wait (``Retry-After``).
    """

    def __init__(self, error: str, *, broke: bool = False, doubtful: bool = False, wait: float = 0.0) -> None:
        super().__init__(error)
        self.broke = broke
        self.doubtful = doubtful or broke
        self.wait = wait


class Sender:
    """A transport, and what it has taken.

    Args:
        transport_config: configuration of openlineage-python; ``None`` takes ``openlineage.yml``
            and ``OPENLINEAGE_*`` variables.
        attempts: for each event, with exponential backoff between them.
        sleep: waits between attempts.

    Raises:
        ConfigError: when the transport configuration is wrong.
    """

    def __init__(
        self, transport_config: Mapping[str, Any] | None, attempts: int, sleep: Callable[[float], None]
    ) -> None:
        self._client = _client(transport_config)
        self._attempts = attempts
        self._sleep = sleep
        self._as_it_is = self._client is not None and _takes_dictionaries(self._client)
        self._lost_before = 0 if self._client is None else _lost(self._client.transport)

    @property
    def configured(self) -> bool:
        """Whether there is anything to send to."""
        return self._client is not None

    def wants(self, event: Mapping[str, Any]) -> bool:
        """Whether the configuration's filters let an event through.

        Raises:
            Refused: when it is no event.
        """
        assert self._client is not None
        return not self._client.config.filters or self._client.filter_event(_built(event)) is not None

    def send(self, event: Mapping[str, Any], left: Callable[[], float], *, as_it_is: bool = True) -> None:
        """Send an event.

        Args:
            event: as parsed JSON.
            left: how many seconds there are; no further attempt is begun after them.
            as_it_is: whether the event is known to be one, so that a transport which only makes
                JSON of it may have it without the client's event object being built (a
                thousandth of a second each).

        Raises:
            Refused: when the backend will never take it.
            Failed: when all attempts failed.
        """
        assert self._client is not None
        transport = self._client.transport
        if as_it_is and self._as_it_is:
            self._try(lambda: transport.emit(event), left)  # type: ignore[arg-type]
            return
        built = _built(event)
        # Straight to the transport: ``client.emit`` would add this process's environment,
        # tags and git commit, which are not those of the run.
        self._try(lambda: transport.emit(copy.deepcopy(built)), left)

    def lost(self) -> int:
        """Wait for transports that send in the background; how many events they lost since the start."""
        assert self._client is not None
        return _settle(self._client.transport, timeout=30.0) - self._lost_before

    def close(self) -> str | None:
        """Let the transport go, whatever state it is in; what went wrong."""
        try:
            if self._client is not None:
                self._client.close(timeout=5.0)
        except Exception as e:  # noqa: BLE001  (closing must not hide what was sent)
            return refusals.described(e)
        return None

    def _try(self, emit: Callable[[], object], left: Callable[[], float]) -> None:
        from tenacity import Retrying, retry_if_exception, stop_after_attempt, stop_before_delay, wait_exponential

        try:
            emit()
            return
        except Exception as e:  # noqa: BLE001  (a transport may raise anything, and none of it may stop a sensor)
            first = e
        seen = iter([first])

        def again() -> None:
            # The first attempt was made above: most events need no more, and none of what follows.
            for error in seen:
                raise error
            emit()

        seconds = left()
        stop = stop_after_attempt(self._attempts)
        retrying = Retrying(
            stop=stop | stop_before_delay(seconds) if seconds < float("inf") else stop,
            wait=wait_exponential(multiplier=0.5, max=5),
            retry=retry_if_exception(_again),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            retrying(again)
        except Exception as e:
            if refusals.never_taken(e):
                raise Refused(refusals.described(e)) from e
            raise Failed(
                refusals.described(e),
                broke=refusals.broke(e),
                doubtful=refusals.doubtful(e),
                wait=refusals.asked_to_wait(e),
            ) from e


def _again(error: BaseException) -> bool:
    """Whether another attempt may help, and the backend has not asked for a pause first."""
    return isinstance(error, Exception) and not refusals.never_taken(error) and not refusals.asked_to_wait(error)


def _client(transport_config: Mapping[str, Any] | None) -> OpenLineageClient | None:
    """A client of the configured transport; ``None`` when there is none or it is switched off."""
    from openlineage.client import OpenLineageClient
    from openlineage.client.transport.noop import NoopTransport

    # The factory takes keys out of the configuration it is given.
    config: Any = copy.deepcopy(dict(transport_config)) if transport_config is not None else None
    try:
        with _environment_kept():
            client = OpenLineageClient(config=config)
            _ = client.config  # read once, and kept
        named = bool((client.config.transport or {}).get("type")) or bool(os.environ.get("OPENLINEAGE_URL"))
    except Exception as e:
        raise ConfigError(
            f"the OpenLineage transport cannot be made: {refusals.described(e)}",
            where="OpenLineage configuration",
            fix="see https://openlineage.io/docs/client/python for its options",
        ) from e
    if not named or isinstance(client.transport, NoopTransport):
        return None
    _have_all_take_it(client)
    for transport in _all(client.transport):
        _leave_retries_to_us(transport)
        _believe_no_redirect(transport)
    _ask_environment_once(client.transport)
    return client


@contextmanager
def _environment_kept() -> Generator[None]:
    """The client copies ``OPENLINEAGE_URL`` and its key into other variables, which outlive a change of it."""
    before = set(os.environ)
    try:
        yield
    finally:
        for name in [n for n in os.environ if n.startswith("OPENLINEAGE__") and n not in before]:
            del os.environ[name]


def _built(event: Mapping[str, Any]) -> Event:
    from lineage_guard.openlineage.delivery.rebuild import rebuild

    try:
        return rebuild(event)
    except EventError as e:
        raise Refused(str(e)) from e


def _takes_dictionaries(client: OpenLineageClient) -> bool:
    """Whether the transport does nothing with an event but make JSON of it."""
    from openlineage.client.transport.http import HttpTransport

    return type(client.transport) is HttpTransport


def _have_all_take_it(client: OpenLineageClient) -> None:
    """Unless the configuration says otherwise, an event is delivered when all parts of a composite transport took it.

    By the client's default one is enough, and what the others did not take is lost with a log line.
    """
    from openlineage.client.transport.composite import CompositeTransport

    transport = client.transport
    if isinstance(transport, CompositeTransport) and "continue_on_failure" not in (client.config.transport or {}):
        transport.config.continue_on_failure = False


def _leave_retries_to_us(transport: Any) -> None:
    """Take the client's default retries off: with them a dead port takes 9 s and a hung one 39 s."""
    from openlineage.client.transport.http import HttpTransport
    from openlineage.client.transport.http_common import DEFAULT_RETRY_CONFIG

    if isinstance(transport, HttpTransport) and transport.config.retry == DEFAULT_RETRY_CONFIG:
        # No ``status_forcelist`` either: it puts an error that does not say what was answered in place of the answer.
        transport.config.retry = {**DEFAULT_RETRY_CONFIG, "total": 0, "connect": 0, "read": 0, "status_forcelist": []}


def _believe_no_redirect(transport: Any) -> None:
    """Have each answer looked at before it is followed or taken for success."""
    from openlineage.client.transport.http import HttpTransport

    if isinstance(transport, HttpTransport):
        transport.session.hooks["response"].append(refusals.check)


def _ask_environment_once(transport: Any) -> None:
    """Read proxies, certificates and netrc now, not for every event: requests takes a fifth of its time for that."""
    from openlineage.client.transport.http import HttpTransport
    from requests.utils import get_netrc_auth

    if type(transport) is not HttpTransport:
        return
    session = transport.session
    settings = session.merge_environment_settings(transport.url, {}, None, transport.verify, transport.cert)
    session.proxies = settings["proxies"]
    session.auth = session.auth or get_netrc_auth(transport.url)
    transport.verify, session.trust_env = settings["verify"], False


def _all(transport: Any) -> Iterator[Any]:
    """A transport and those inside it (composite, transform, datadog)."""
    yield transport
    inner: list[Any] = list(getattr(transport, "transports", None) or [])
    inner += [getattr(transport, name, None) for name in ("transport", "http", "async_http")]
    for each in inner:
        if each is not None:
            yield from _all(each)


def _settle(transport: Any, timeout: float) -> int:
    """Wait until background transports have sent all they took; how many they lost so far."""
    for each in _all(transport):
        wait = getattr(each, "wait_for_completion", None)
        if wait is not None and not wait(timeout):
            return 1 + _lost(transport)
    return _lost(transport)


def _lost(transport: Any) -> int:
    stats = [each.get_stats() for each in _all(transport) if hasattr(each, "get_stats")]
    return sum(int(s.get("failed", 0)) for s in stats)
