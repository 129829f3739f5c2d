"""The days on which a model may have answered, where a run lasted longer than one.

The text of a day binds what was generated on it. A run that begins under one text and ends under another wrote
under both, and nobody knows which row when; so its models count on every day of it, and the strictest text decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

from lineage_guard.domain.facts import ModelSource
from lineage_guard.domain.lineage.reached import terms_day


def on_each_day(models: Iterable[ModelSource], began: datetime | None, ended: datetime) -> tuple[ModelSource, ...]:
    """The models of a run, once for each day of it.

    A model whose author says when it answered is left as it is.

    Args:
        models: the models.
        began: when the run began; ``None`` when nobody knows, then only the day of its end counts.
        ended: when what it wrote was complete. That day is the record's own, and is not written beside the model.

    Example:
        >>> when = datetime(2026, 3, 1, 23, tzinfo=UTC), datetime(2026, 3, 2, 1, tzinfo=UTC)
        >>> [m.generated_at and m.generated_at.day for m in on_each_day([ModelSource("openai", "gpt-4o")], *when)]
        [1, None]
    """
    first, last = terms_day(began), terms_day(ended)
    if first is None or last is None or first >= last:
        return tuple(models)
    before = [datetime.combine(first + timedelta(days=n), time(), UTC) for n in range((last - first).days)]
    found: list[ModelSource] = []
    for model in models:
        if model.generated_at is None:
            found += (replace(model, generated_at=day) for day in before)
        found.append(model)
    return tuple(found)
