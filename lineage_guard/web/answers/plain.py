"""Answers as plain JSON data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum, StrEnum
from typing import Any, cast


def plain(value: object) -> Any:
    """An answer as what JSON knows: names of fields stay, times are ISO 8601.

    Example:
        >>> from lineage_guard.domain.facts import Version
        >>> plain(Version("default", "answers"))
        {'namespace': 'default', 'name': 'answers', 'partition': None, 'run': None}
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        if isinstance(value, Enum):
            return value.value if isinstance(value, StrEnum) else value.name
        return value
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, datetime):
        return value.isoformat()
    if is_dataclass(value):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    named = cast("Any", getattr(value, "_asdict", None))
    if named is not None:
        return plain(named())
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in cast("Mapping[object, object]", value).items()}
    if isinstance(value, Iterable):
        return [plain(each) for each in cast("Iterable[object]", value)]
    return str(value)
