"""One reading of provenance columns for every engine: what is a model id, a channel, a moment.

The rules are here, once; an engine says how each is written in its own language (``Dialect``).
They use only what engines agree on: letters and white space of ASCII, and regular expressions
without classes that mean different things. Engines disagree on the rest: lower case of "İ",
what white space is, and which texts are dates ("yesterday" is one to PostgreSQL, "2026" to Spark).
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar

from lineage_guard.domain.errors import SuiteError

#: The provenance columns of a synthetic table.
PROVENANCE_COLUMNS = ("model", "channel", "usage", "generated_at")

#: Made of model and channel; a column of that name in the table itself is not shown to suites.
SOURCE = "source"

#: Raised whenever the rules below change, so that evidence under older ones is not used again.
VERSION = 2

#: White space that is taken off around a text.
SPACES = " \t\n\r\v\f"

#: Providers answer to "gpt-4o" with "gpt-4o-2024-08-06", and to "claude-sonnet-4" with
#: "claude-sonnet-4-20250514": one model under one set of terms. To be matched at the very end.
SNAPSHOT = r"-(20[0-9]{2}-[0-9]{2}-[0-9]{2}|20[0-9]{6})"

_YEAR = r"(19|2[0-9])[0-9]{2}"
_LEAP = r"((19|2[0-9])(0[48]|[2468][048]|[13579][26])|2[048]00)"
_DAY = (
    rf"({_YEAR}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
    rf"|02-(0[1-9]|1[0-9]|2[0-8]))|{_LEAP}-02-29)"
)
#: A moment's zone, at its end.
ZONE = r"(Z|[+-](0[0-9]|1[0-3]):?[0-5][0-9]|[+-](0[0-9]|1[0-3]))"
#: ISO 8601 days and times of the years 1900 to 2999 that exist, and nothing else; to be matched whole.
#: Whatever matches is a date to every engine, so that no cast can fail.
MOMENT = rf"{_DAY}([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{{1,6}})?)?{ZONE}?)?"

UPPER, LOWER = string.ascii_uppercase, string.ascii_lowercase
_TO_LOWER, _TO_UPPER = str.maketrans(UPPER, LOWER), str.maketrans(LOWER, UPPER)

T = TypeVar("T")


class Dialect(Protocol[T]):
    """How one engine writes the rules; ``T`` is its kind of expression, e.g. SQL text."""

    def text(self, column: str) -> T:
        """A column as text without ``SPACES`` around; NULL when nothing is left."""
        ...

    def lower(self, text: T) -> T:
        """``A`` to ``Z`` in lower case, everything else as it is."""
        ...

    def upper(self, text: T) -> T:
        """``a`` to ``z`` in upper case, everything else as it is."""
        ...

    def without_snapshot(self, text: T) -> T:
        """Without a ``SNAPSHOT`` at the very end."""
        ...

    def moment(self, column: str) -> T:
        """A column as a timestamp in UTC without a zone; NULL when it is no ``MOMENT``."""
        ...

    def joined(self, first: T, between: str, second: T) -> T:
        """Two texts and one between; NULL when one of them is."""
        ...


class Columns(NamedTuple):
    """Which columns of a table hold its provenance.

    Attributes:
        own: the table's own names, by provenance column.
        rest: its other columns, which a suite sees as they are.
    """

    own: Mapping[str, str]
    rest: Sequence[str]


def find_columns(label: str, renamed: Mapping[str, str], present: Sequence[str]) -> Columns:
    """Find provenance columns in a table; case does not matter.

    Args:
        label: of the table, for messages.
        renamed: names of provenance columns that are called differently.
        present: names of all columns.

    Raises:
        SuiteError: when ``renamed`` speaks of another column, or two columns differ in case alone.

    Example:
        >>> find_columns("t", {"model": "teacher"}, ["Teacher", "text"])
        Columns(own={'model': 'Teacher'}, rest=['text'])
    """
    if unknown := sorted(set(renamed) - set(PROVENANCE_COLUMNS)):
        raise SuiteError(
            f"{unknown[0]!r} is no provenance column", where=label, fix=f"use {', '.join(PROVENANCE_COLUMNS)}"
        )
    own: dict[str, str] = {}
    for column in PROVENANCE_COLUMNS:
        found = [name for name in present if name.lower() == renamed.get(column, column).lower()]
        if len(found) > 1:
            raise SuiteError(
                f"columns {', '.join(found)} differ in case alone, and any of them may hold the {column}",
                where=label,
                fix="rename one of them",
            )
        if found:
            own[column] = found[0]
    taken = {name.lower() for name in own.values()} | set(PROVENANCE_COLUMNS) | {SOURCE}
    return Columns(own, [name for name in present if name.lower() not in taken])


def normalised(dialect: Dialect[T], own: Mapping[str, str]) -> dict[str, T]:
    """Expressions of the provenance columns as suites see them, by name.

    Args:
        dialect: of the engine.
        own: see ``Columns``.
    """
    made: dict[str, T] = {}
    if "model" in own:
        made["model"] = dialect.without_snapshot(dialect.lower(dialect.text(own["model"])))
    if "channel" in own:
        made["channel"] = dialect.lower(dialect.text(own["channel"]))
    if "usage" in own:
        made["usage"] = dialect.upper(dialect.text(own["usage"]))
    if "generated_at" in own:
        made["generated_at"] = dialect.moment(own["generated_at"])
    if "model" in made and "channel" in made:
        made[SOURCE] = dialect.joined(made["model"], " via ", made["channel"])
    return made


def normalise_model(model: str) -> str:
    """A model id as suites compare it: no case, no spaces around, no date of a snapshot.

    Example:
        >>> normalise_model(" GPT-4o-2024-08-06 ")
        'gpt-4o'
    """
    return re.sub(SNAPSHOT + r"\Z", "", normalise_channel(model))


def normalise_channel(channel: str) -> str:
    """A channel as suites compare it: no case, no spaces around.

    Example:
        >>> normalise_channel(" API.openai.com")
        'api.openai.com'
    """
    return channel.strip(SPACES).translate(_TO_LOWER)


def normalise_usage(usage: str) -> str:
    """A usage as suites compare it: upper case, no spaces around."""
    return usage.strip(SPACES).translate(_TO_UPPER)
