"""Which model sources rows may name: sets that the policy feeds, and one row held against them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from lineage_guard.domain.facts import Completeness, Influence, ModelSource
from lineage_guard.domain.lineage.reached import Kind
from lineage_guard.domain.rules.policy import Policy
from lineage_guard.domain.verdict.judging import rulings_on
from lineage_guard.gx.rows import normalise_channel, normalise_model
from lineage_guard.gx.suites import NOTHING

_VIA = " via "


def source_name(model: str, channel: str | None) -> str:
    """A model and its channel as the suites write them.

    Args:
        model: its id, in any spelling ``normalise_model`` takes.
        channel: how it was reached; blank or ``None`` when nobody says.

    Example:
        >>> source_name("GPT-4o-2024-08-06", "API.openai.com"), source_name("qwen", None)
        ('gpt-4o via api.openai.com', 'qwen via (nothing)')
    """
    return f"{normalise_model(model)}{_VIA}{normalise_channel(channel or '') or NOTHING}"


def permitted_parameters(
    policy: Policy, use: str, models: Iterable[ModelSource], on: date | None = None
) -> dict[str, list[str]]:
    """What a policy feeds ``ExpectModelsToBePermitted``: each source judged as ``decide()`` judges it.

    A source that any rule stops for this use, under any of its dates and usages given here, is
    restricted. A set that would be empty holds one value that no row has.

    Args:
        policy: rules and terms.
        use: what the rows are wanted for, e.g. ``"train_competing"``.
        models: the sources to judge: those that are declared, or those found in the rows.
            Rows that name any other are not permitted.
        on: the day of generation where a source has none of its own; ``None``: unknown.

    Example:
        >>> from lineage_guard.catalog import load_catalog, load_policy
        >>> policy = load_policy("default", load_catalog())
        >>> gpt = ModelSource("openai", "gpt-4o", channel="api.openai.com")
        >>> permitted_parameters(policy, "train_competing", [gpt], date(2026, 10, 1))
        {'permitted_models': ['(nothing)'], 'restricted_models': ['gpt-4o via api.openai.com']}
    """
    judged: dict[str, bool] = {}
    for model in models:
        name = source_name(model.model, model.channel)
        kind = Kind(Influence.DIRECT, Completeness.COMPLETE, True, (model,), (), None, on)
        stops = any(policy.stops(ruling.effect, use) for ruling in rulings_on(kind, policy, use))
        judged[name] = judged.get(name, False) or stops
    return {
        "permitted_models": sorted(name for name, stops in judged.items() if not stops) or [NOTHING],
        "restricted_models": sorted(name for name, stops in judged.items() if stops) or [NOTHING],
    }


@dataclass(frozen=True)
class Sets:
    """The sources that rows may and may not name.

    An entry is ``<model>`` or ``<model> via <channel>``; ``*`` stands for any text. An entry
    without a channel holds for every channel. What is restricted is so even where it is
    permitted too, and what is in neither is not permitted.

    Attributes:
        permitted: entries.
        restricted: entries.

    Raises:
        ValueError: when either is empty, or holds something that is no text.

    Example:
        >>> sets = Sets(("qwen/*", "gpt-4o via azure.com"), ("(nothing)",))
        >>> sets.objection("Qwen/Qwen2.5-7B", None), sets.objection("gpt-4o", "api.openai.com")
        (None, 'not permitted')
    """

    permitted: tuple[str, ...]
    restricted: tuple[str, ...]

    def __post_init__(self) -> None:
        for name in ("permitted", "restricted"):
            entries: tuple[object, ...] = getattr(self, name)
            if not entries:
                raise ValueError(f"{name} is empty; a set that may be empty is passed as ['{NOTHING}']")
            if wrong := [e for e in entries if not isinstance(e, str) or not e.strip()]:
                raise ValueError(f"{name} holds {wrong[0]!r}, which names no model")

    def objection(self, model: str | None, channel: str | None) -> str | None:
        """Why a row with this source is not permitted, or ``None``.

        Where the channel is unknown the stricter reading counts: an entry restricts the model
        through any channel, and permits it only if it speaks of no channel.

        Args:
            model: as the row has it.
            channel: as the row has it.
        """
        if model is None or not model.strip():
            return "no model"
        name, via = normalise_model(model), normalise_channel(channel or "")
        for of_model, of_channel in self._restricted:
            if of_model.fullmatch(name) and (not via or of_channel is None or of_channel.fullmatch(via)):
                return "restricted"
        for of_model, of_channel in self._permitted:
            if of_model.fullmatch(name) and (of_channel is None or of_channel.fullmatch(via or NOTHING)):
                return None
        return "not permitted"

    @cached_property
    def _permitted(self) -> list[tuple[re.Pattern[str], re.Pattern[str] | None]]:
        return [_entry(e) for e in self.permitted]

    @cached_property
    def _restricted(self) -> list[tuple[re.Pattern[str], re.Pattern[str] | None]]:
        return [_entry(e) for e in self.restricted]


def _entry(text: str) -> tuple[re.Pattern[str], re.Pattern[str] | None]:
    model, via, channel = text.strip().partition(_VIA)
    return _pattern(normalise_model(model)), _pattern(normalise_channel(channel)) if via else None


def _pattern(text: str) -> re.Pattern[str]:
    # Only the star: brackets are ordinary characters of ids.
    return re.compile(".*".join(re.escape(part) for part in text.split("*")), re.DOTALL)
