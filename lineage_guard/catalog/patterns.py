"""Shell patterns over model ids and channels, and how specific each is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True)
class Pattern:
    """A lower-case shell pattern.

    Attributes:
        text: the pattern.
        weight: literal characters after the organisation; an exact pattern weighs more than
            a wildcard of the same length.
        bare: whether it is the tail of an ``org/name`` pattern, for ids given without the
            organisation. The id's owner is then not proven by its name.
    """

    text: str
    weight: float
    bare: bool = False

    def matches(self, value: str) -> bool:
        """Whether a lower-case value matches."""
        return fnmatchcase(value, self.text)

    @property
    def exact(self) -> bool:
        """Whether it holds no wildcard."""
        return not any(c in self.text for c in "*?[")

    def tail(self, value: str) -> str:
        """What a trailing ``*`` stood for, or ``""``."""
        head = self.text.rstrip("*")
        return value[len(head) :] if self.text.endswith("*") and value.startswith(head) else ""


def id_patterns(texts: Iterable[str], providers: frozenset[str]) -> tuple[Pattern, ...]:
    """Patterns of model ids; ``Org/name*`` of a known owner also gives ``name*``."""
    found: list[Pattern] = []
    for raw in texts:
        text = raw.lower()
        org, slash, name = text.rpartition("/")
        found.append(Pattern(text, _weight(name if slash else text)))
        if slash and name.strip("*") and org in providers:
            found.append(Pattern(name, _weight(name), bare=True))
    return tuple(found)


def channel_patterns(texts: Iterable[str]) -> tuple[Pattern, ...]:
    """Patterns of hosts and route names."""
    return tuple(Pattern(t.lower(), _weight(t)) for t in texts)


def _weight(text: str) -> float:
    literal = len(text.replace("*", "").replace("?", ""))
    return literal + (0.0 if "*" in text or "?" in text else 0.5)
