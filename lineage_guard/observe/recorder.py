"""The recorder of one step: which models answered, counted, and never what was said.

A recorder belongs to the code that runs in its context (``contextvars``): async tasks inherit it.
Threads of a pool do not; what happens where no recorder is known is written to every recorder that
is open in the process. A step's process has one, and where it has more, more is the safe side.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import NamedTuple

from lineage_guard.domain.declared.observation import ANY, Contact, Observation, ObservedModel, Via
from lineage_guard.domain.facts import Usage
from lineage_guard.domain.names import is_inside, same_model

#: Kinds of answers kept apart; further ones of a host are counted together.
MOST_MODELS = 256
#: Response ids kept of each kind of answer.
MOST_IDS = 8
#: Host names held until those that nobody knows as model services are forgotten.
MOST_HOSTS = 4096
#: Longest id that is kept; a model's or a response's own is far shorter.
MOST_CHARACTERS = 200


class Answer(NamedTuple):
    """What one response, span or load says of the model behind it.

    Attributes:
        model: id that answered; ``None`` when it does not say.
        requested: id that was asked for.
        host: host of the endpoint; ``None`` for weights in the step itself.
        provider: who answered, where something says so.
        id: id of the response.
        digest: ``sha256:...`` of the weights.
        version: revision of the weights.
        usage: what it can have done, where its kind tells.
    """

    model: str | None
    requested: str | None = None
    host: str | None = None
    provider: str | None = None
    id: str | None = None
    digest: str | None = None
    version: str | None = None
    usage: Usage | None = None


_Key = tuple[str, str | None, str | None, str | None, str | None, Usage | None]


@dataclass(slots=True)
class _Tally:
    provider: str | None = None
    calls: dict[Via, int] = field(default_factory=dict[Via, int])
    ids: list[str] = field(default_factory=list[str])


@dataclass(frozen=True, slots=True)
class Loaded:
    """Weights that were loaded; who they are is worked out when the step ends."""

    answer: Answer
    identify: Callable[[Answer], Answer]


class Recorder:
    """What was noticed while one step ran. Safe to use from any thread; its memory is bounded.

    Args:
        provider_of: names the model service on a host, or ``None`` for a host that is none.

    Example:
        >>> recorder = Recorder(lambda host: "openai" if host == "api.openai.com" else None)
        >>> with recording(recorder):
        ...     note(Answer("gpt-4o-2024-08-06", "gpt-4o", "api.openai.com"), Via.HTTP)
        >>> recorder.observation().models[0].model
        'gpt-4o-2024-08-06'
    """

    def __init__(self, provider_of: Callable[[str], str | None] = lambda _: None) -> None:
        self._provider_of = provider_of
        self._lock = threading.Lock()
        self._answers: dict[_Key, _Tally] = {}
        self._hosts: dict[str, int] = {}
        self._loads: list[Loaded] = []
        self._subprocesses = 0
        #: Grows with everything that is noted, so that a reader can tell whether anything is new.
        self.changes = 0

    def answered(self, answer: Answer, via: Via) -> None:
        """Count one answer."""
        model = _short(answer.model or answer.requested) or ANY
        requested = None if answer.model is None else _short(answer.requested)
        host = answer.host.lower() if answer.host else None
        key: _Key = (model, requested, host, answer.version, answer.digest, answer.usage)
        with self._lock:
            self.changes += 1
            tally = self._answers.get(key)
            if tally is None:
                if len(self._answers) >= MOST_MODELS:
                    key = (ANY, None, host, None, None, None)
                tally = self._answers.setdefault(key, _Tally(_short(answer.provider)))
            tally.calls[via] = tally.calls.get(via, 0) + 1
            if answer.id and len(tally.ids) < MOST_IDS and answer.id not in tally.ids:
                tally.ids.append(answer.id[:MOST_CHARACTERS])

    def contacted(self, host: str) -> None:
        """Count one contact with a host, whatever answers there."""
        with self._lock:
            self.changes += 1
            self._hosts[host] = self._hosts.get(host, 0) + 1
            full = len(self._hosts) > MOST_HOSTS
        if full:
            # Asked outside of the lock: the first question reads the catalog.
            unknown = [h for h in tuple(self._hosts) if self._provider_of(h) is None]
            with self._lock:
                for h in unknown:
                    self._hosts.pop(h, None)

    def loaded(self, loaded: Loaded) -> None:
        """Note that weights were loaded."""
        with self._lock:
            self.changes += 1
            if len(self._loads) < MOST_MODELS and all(loaded.answer != known.answer for known in self._loads):
                self._loads.append(loaded)

    def spawned(self) -> None:
        """Count a process that was started, into which nobody looks."""
        with self._lock:
            self._subprocesses += 1

    def observation(self) -> Observation:
        """Everything noticed so far; weights are identified now, which may read them."""
        with self._lock:
            loads, self._loads = self._loads, []
        for load in loads:
            self.answered(load.identify(load.answer), Via.WEIGHTS)
        with self._lock:
            answers = [(key, _Tally(t.provider, dict(t.calls), list(t.ids))) for key, t in self._answers.items()]
            hosts, subprocesses = dict(self._hosts), self._subprocesses
        models = tuple(self._model(key, tally) for key, tally in _joined(answers))
        answered = {m.host for m in models}
        known = ((host, self._provider_of(host), times) for host, times in hosts.items() if host not in answered)
        contacts = tuple(Contact(host, provider, times) for host, provider, times in known if provider)
        return Observation(models, contacts, subprocesses=subprocesses)

    def _model(self, key: _Key, tally: _Tally) -> ObservedModel:
        model, requested, host, version, digest, usage = key
        here = host is None or is_inside(host)
        provider = None if host is None else self._provider_of(host)
        return ObservedModel(
            model=model,
            provider=provider or tally.provider or ("self-hosted" if here else host) or "unknown",
            requested=requested,
            host=host,
            version=version,
            digest=digest,
            usage=usage,
            # The same call may be noticed twice, on its way and in a span.
            calls=max(tally.calls.values()),
            response_ids=tuple(tally.ids),
            via=tuple(sorted(tally.calls)),
        )


_current: ContextVar[Recorder | None] = ContextVar("lineage_guard_recorder", default=None)
_open: tuple[Recorder, ...] = ()
_lock = threading.Lock()


def recorders() -> tuple[Recorder, ...]:
    """The recorders of the code that runs now; empty when nobody records."""
    if not _open:
        return ()
    recorder = _current.get()
    return _open if recorder is None else (recorder,)


def note(answer: Answer, via: Via) -> None:
    """Write an answer down, wherever somebody records."""
    for recorder in recorders():
        recorder.answered(answer, via)


@contextmanager
def opened(recorder: Recorder) -> Generator[Recorder]:
    """Keep a recorder open for what runs where no recorder is known, such as threads of a pool."""
    global _open
    with _lock:
        _open = (*_open, recorder)
    try:
        yield recorder
    finally:
        with _lock:
            _open = tuple(r for r in _open if r is not recorder)


@contextmanager
def current(recorder: Recorder) -> Generator[Recorder]:
    """Make a recorder that of the code inside, and of the async tasks it starts."""
    token = _current.set(recorder)
    try:
        yield recorder
    finally:
        _current.reset(token)


@contextmanager
def recording(recorder: Recorder) -> Generator[Recorder]:
    """Record what the code inside does, in this context and in threads without one."""
    with opened(recorder), current(recorder):
        yield recorder


def _joined(answers: list[tuple[_Key, _Tally]]) -> list[tuple[_Key, _Tally]]:
    """What only spans tell of is counted with the calls that were seen on their way, where it is the same.

    An instrumentation may leave out the host, the snapshot or the organisation of a model.
    """
    told = [(key, tally) for key, tally in answers if set(tally.calls) == {Via.SPAN}]
    seen = [(key, tally) for key, tally in answers if set(tally.calls) != {Via.SPAN}]
    for key, tally in told:
        model, _, host, *_ = key
        same = (t for k, t in seen if host in (None, k[2]) and same_model(k[0], model))
        other = next(same, None)
        if other is None:
            seen.append((key, tally))
        else:
            other.calls[Via.SPAN] = other.calls.get(Via.SPAN, 0) + tally.calls[Via.SPAN]
    return seen


def _short(text: str | None) -> str | None:
    return text[:MOST_CHARACTERS] if text else None
