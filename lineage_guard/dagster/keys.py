"""Names under which Dagster carries what is ours: tags and metadata keys. Light, as every load pays for it."""

from __future__ import annotations

import re
from collections.abc import Mapping

NAMESPACE = "lineage_guard"
#: Metadata key of a declaration, on definitions and on materialisations.
DECLARATION_KEY = f"{NAMESPACE}/declaration"
#: Tag key of the use a training asset is for.
USE_TAG = f"{NAMESPACE}/use"
#: Metadata key of how an asset writes, on definitions and on materialisations.
WRITES_KEY = f"{NAMESPACE}/writes"
#: Metadata key on the two parts of a quarantine: the asset that is split. It says so, and proves nothing.
SPLITS_KEY = f"{NAMESPACE}/splits"
#: Tag key on public artefacts whose own terms block ``train_competing`` (what is inherited is computed, not tagged).
RESTRICTED_TAG = f"{NAMESPACE}/restricted"
#: Name of the asset check that shows the verdict, and of the sensor that keeps it up to date.
CHECK_NAME = SENSOR_NAME = NAMESPACE
_USE = re.compile(r"[A-Za-z0-9_.-]{1,63}")


def is_use(name: str) -> bool:
    """Whether a text can be the name of a use."""
    return _USE.fullmatch(name) is not None


def use_of(tags: Mapping[str, str]) -> str | None:
    """The use that asset tags mark, or ``None`` for an asset that trains nothing."""
    return tags.get(USE_TAG)
