"""Through which sinks an incident is told, from its beginning to its end. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast


@dataclass(frozen=True)
class Conversation:
    """One incident, as its sinks know it.

    It is fixed when the incident opens: whoever was told that it began is told that it ended,
    whatever became of owners and routes meanwhile.

    Attributes:
        sinks: names of the sinks that were told of its beginning.
        notes: by sink, what that sink wants to know when it tells the next part: the message to
            update, never a secret.
    """

    sinks: tuple[str, ...]
    notes: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])

    def noted(self, sink: str, note: Mapping[str, str]) -> Conversation:
        """With what a sink remembers of it now."""
        return replace(self, notes={**self.notes, sink: dict(note)})


def to_dict(conversations: Mapping[str, Conversation]) -> dict[str, Any]:
    """Conversations by incident as plain JSON data."""
    return {
        incident: [list(c.sinks), {sink: dict(note) for sink, note in c.notes.items()}]
        for incident, c in sorted(conversations.items())
    }


def from_dict(data: Mapping[str, Any]) -> dict[str, Conversation]:
    """Read what ``to_dict`` wrote.

    Raises:
        ValueError, TypeError: when it did not.
    """
    stored = cast("Mapping[str, tuple[list[str], dict[str, dict[str, str]]]]", data)
    return {incident: Conversation(tuple(sinks), notes) for incident, (sinks, notes) in stored.items()}
