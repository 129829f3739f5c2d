"""What a policy may ask of the asset that would be trained, beside its name: group, tags, kinds and owners.

These are facts of the definition that ran, and a definition changes. So they are written down with the verdict
that the gate gave, and every later question about that run is answered from there; where nobody wrote them down
they are unknown, and an unknown fact neither lets a rule go nor lets it permit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

#: Conditions on an asset, and how a reader calls what each asks of it.
ASKED_OF_ASSETS: Mapping[str, str] = {
    "asset_group": "group",
    "asset_tag": "tags",
    "asset_kind": "kinds",
    "asset_owner": "owners",
}


@dataclass(frozen=True, slots=True)
class AssetFacts:
    """What the definition of an asset says of it; Dagster's words.

    Attributes:
        group: its group; ``"default"`` where none is given.
        tags: its tags, sorted by key; those that only carry a kind are in ``kinds``.
        kinds: its kinds, sorted.
        owners: e-mail addresses and teams, as ``"team:speech"``.

    Example:
        >>> facts = AssetFacts("lab", tags=(("team", "speech"),))
        >>> facts.values("asset_group"), facts.values("asset_tag")
        (['lab'], ['team', 'team=speech'])
    """

    group: str
    tags: tuple[tuple[str, str], ...] = ()
    kinds: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()

    def values(self, condition: str) -> list[str]:
        """What a condition is held against.

        Args:
            condition: a key of ``ASKED_OF_ASSETS``.
        """
        match condition:
            case "asset_group":
                return [self.group]
            case "asset_tag":
                return [text for key, value in self.tags for text in (key, f"{key}={value}")]
            case "asset_kind":
                return list(self.kinds)
            case _:
                return list(self.owners)

    def __str__(self) -> str:
        tags = [f"{key}={value}" if value else key for key, value in self.tags]
        more = (("tags", tags), ("kinds", self.kinds), ("owners", self.owners))
        return "; ".join((f"group {self.group}", *(f"{what} {', '.join(texts)}" for what, texts in more if texts)))


def alike(facts: Iterable[AssetFacts | None]) -> AssetFacts | None:
    """What holds for each of several runs: the facts, where all of them state the same ones; else they are unknown.

    Args:
        facts: of each run.

    Example:
        >>> alike([AssetFacts("lab"), AssetFacts("lab")]), alike([AssetFacts("lab"), None])
        (AssetFacts(group='lab', tags=(), kinds=(), owners=()), None)
    """
    found = set(facts)
    return found.pop() if len(found) == 1 else None
