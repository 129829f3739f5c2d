"""Typed reading of JSON that somebody else may have written, with errors that name the place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar, cast

from lineage_guard.domain.errors import EventError

_E = TypeVar("_E", bound=StrEnum)

_FIX = "send an event that follows https://openlineage.io/spec, or have the event's producer mended"


class Fields:
    """One JSON object and the path that leads to it.

    Args:
        value: what is claimed to be a JSON object.
        where: path of it in the event, for errors.

    Raises:
        EventError: when it is not an object.

    Example:
        >>> Fields({"run": {"runId": "x"}}, "event").fields("run").text("runId")
        'x'
    """

    __slots__ = ("_value", "where")

    def __init__(self, value: object, where: str) -> None:
        # A dict is one at once; asking the abstract class is several times slower.
        if type(value) is not dict and not isinstance(value, Mapping):
            raise EventError(f"expected an object, found {_kind(value)}", where=where, fix=_FIX)
        self._value = cast("Mapping[str, Any]", value)
        self.where = where

    @property
    def raw(self) -> Mapping[str, Any]:
        """The object as it stands."""
        return self._value

    def has(self, key: str) -> bool:
        """Whether the key is there and is not null."""
        return self._value.get(key) is not None

    def bad(self, key: str, what: str) -> EventError:
        """An error about one key."""
        return EventError(what, where=f"{self.where}.{key}", fix=_FIX)

    def text(self, key: str) -> str:
        """A required string."""
        value = self._value.get(key)
        if type(value) is str:
            return value
        found = self.maybe_text(key)
        if found is None:
            raise self.bad(key, "a required string is missing")
        return found

    def maybe_text(self, key: str) -> str | None:
        """An optional string."""
        value = self._value.get(key)
        if value is not None and not isinstance(value, str):
            raise self.bad(key, f"expected a string, found {_kind(value)}")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings; empty when absent."""
        found: list[str] = []
        for value in self._list(key):
            if not isinstance(value, str):
                raise self.bad(key, f"expected strings, found {_kind(value)}")
            found.append(value)
        return tuple(found)

    def integer(self, key: str) -> int:
        """A required whole number."""
        value = self.maybe_integer(key)
        if value is None:
            raise self.bad(key, "a required number is missing")
        return value

    def maybe_integer(self, key: str) -> int | None:
        """An optional whole number."""
        value = self._value.get(key)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            raise self.bad(key, f"expected a whole number, found {_kind(value)}")
        return value

    def flag(self, key: str) -> bool:
        """A required true or false."""
        value = self._value.get(key)
        if not isinstance(value, bool):
            raise self.bad(key, f"expected true or false, found {_kind(value)}")
        return value

    def one_of(self, key: str, choices: type[_E]) -> _E:
        """A required word of an enumeration."""
        value = self.maybe_one_of(key, choices)
        if value is None:
            raise self.bad(key, f"one of {', '.join(choices)} is missing")
        return value

    def maybe_one_of(self, key: str, choices: type[_E]) -> _E | None:
        """An optional word of an enumeration."""
        value = self.maybe_text(key)
        if value is None:
            return None
        try:
            return choices(value)
        except ValueError:
            raise self.bad(key, f"expected one of {', '.join(choices)}, found {value!r}") from None

    def time(self, key: str) -> datetime:
        """A required time, read as UTC when it names no offset."""
        value = self.maybe_time(key)
        if value is None:
            raise self.bad(key, "a required time is missing")
        return value

    def maybe_time(self, key: str) -> datetime | None:
        """An optional time, read as UTC when it names no offset."""
        value = self.maybe_text(key)
        if value is None:
            return None
        try:
            return parse_time(value)
        except (ValueError, OverflowError):
            raise self.bad(key, f"expected an ISO 8601 time, found {value!r}") from None

    def fields(self, key: str) -> Fields:
        """A required object."""
        return Fields(self._value.get(key), f"{self.where}.{key}")

    def maybe_fields(self, key: str) -> Fields | None:
        """An optional object."""
        return self.fields(key) if self.has(key) else None

    def items(self, key: str) -> Iterator[Fields]:
        """A list of objects; empty when absent."""
        for index, value in enumerate(self._list(key)):
            yield Fields(value, f"{self.where}.{key}[{index}]")

    def facet(self, group: str, key: str) -> Fields | None:
        """A facet by its key, unless it is absent or marked deleted."""
        inside = self._value.get(group)
        if inside is None or (type(inside) is dict and key not in inside):
            return None
        found = self.fields(group).maybe_fields(key)
        return None if found is None or found.raw.get("_deleted") is True else found

    def _list(self, key: str) -> Sequence[Any]:
        value: Any = self._value.get(key)
        if value is None:
            return []
        if not isinstance(value, list | tuple):
            raise self.bad(key, f"expected a list, found {_kind(value)}")
        return cast("list[Any]", value)


def parse_time(text: str) -> datetime:
    """Read an ISO 8601 time as UTC.

    Raises:
        ValueError: when it is none.

    Example:
        >>> parse_time("2026-11-01T02:00:00+02:00").isoformat()
        '2026-11-01T00:00:00+00:00'
    """
    value = datetime.fromisoformat(text)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def format_time(value: datetime) -> str:
    """Write a time in UTC with microseconds, so that equal times are equal texts.

    Raises:
        EventError: when the time names no offset, so that nobody knows which it is.

    Example:
        >>> format_time(datetime(2026, 11, 1, tzinfo=UTC))
        '2026-11-01T00:00:00.000000Z'
    """
    if value.tzinfo is None:
        raise EventError(f"the time {value.isoformat()} names no offset", fix="pass a timezone-aware time in UTC")
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").zfill(27)


def _kind(value: object) -> str:
    if value is None:
        return "nothing"
    return {"str": "a string", "list": "a list", "dict": "an object", "bool": "true or false", "int": "a number"}.get(
        type(value).__name__, f"a {type(value).__name__}"
    )
