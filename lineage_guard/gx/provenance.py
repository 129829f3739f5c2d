"""The provenance schema of synthetic tables, as a JSON Schema of one row."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from typing import Any, cast


def provenance_schema() -> Mapping[str, Any]:
    """The JSON Schema (2020-12) of one row of a synthetic table; see ``docs/provenance.md``.

    Example:
        >>> provenance_schema()["required"]
        ['model', 'channel', 'usage', 'generated_at']
    """
    file = resources.files("lineage_guard.gx") / "schemas" / "provenance.schema.json"
    return cast("Mapping[str, Any]", json.loads(file.read_text(encoding="utf-8")))
