"""Texts that engines disagree about, and how Python reads them."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime

from lineage_guard.gx.tables.normalise import (
    MOMENT,
    SPACES,
    normalise_channel,
    normalise_model,
    normalise_usage,
)

Row = tuple[str | None, str | None, str | None, datetime | None, str | None]

_PIECES = [
    *("gpt-4o", "GPT-4o", "Claude", "-2024-08-06", "-20240806", "-2024-8-06", "-2099-99-99", " ", "\t", "\n"),
    *("\u00a0", "\u2028", "\u0085", "\u3000", "İ", "ß", "ẞ", "K", "Σ", "é", "\U0001f600", "'", '"', "\\", "%", ":x"),
    *("$", "^", "", ".", "-", "/", "_", "A", "Z", "a", "z", "0", "!", "~", "\x1f", "\x7f", "\r", "\v", "\f"),
]  # fmt: skip


def texts(seed: int, number: int) -> list[str]:
    """Ids, good and bad."""
    rng = random.Random(seed)
    return ["".join(rng.choices(_PIECES, k=rng.randint(0, 5))) for _ in range(number)]


def moments(seed: int, number: int) -> list[str]:
    """Texts like ISO 8601, most of which are."""
    rng = random.Random(seed)

    def one() -> str:
        year, month, day = rng.randint(1899, 3001), rng.randint(0, 13), rng.randint(0, 32)
        if rng.random() < 0.3:
            year, month, day = rng.choice([1900, 2000, 2024, 2100, 2400, 2023]), 2, rng.choice([28, 29, 30])
        text = f"{year:04}-{month:02}-{day:02}"
        if rng.random() < 0.8:
            text += rng.choice("T T  t") + f"{rng.randint(0, 24):02}:{rng.randint(0, 60):02}"
            if rng.random() < 0.7:
                text += f":{rng.randint(0, 60):02}" + rng.choice(["", ".5", ".123456", ".1234567", "."])
            text += rng.choice(["", "Z", "+02", "-08:00", "+0530", "+13:59", "+14:00", "z", " UTC", "+1"])
        return rng.choice(["", " ", "\n"]) + text + rng.choice(["", "", "\t", "\u00a0", "\n"])

    return [one() for _ in range(number)]


def as_python_reads(text: str, moment: str) -> Row:
    """Model, channel, usage, generated_at and source of a row that has the text in the first three."""
    if not text.strip(SPACES):
        return None, None, None, as_moment(moment), None
    model, channel = normalise_model(text), normalise_channel(text)
    return model, channel, normalise_usage(text), as_moment(moment), f"{model} via {channel}"


def as_moment(text: str) -> datetime | None:
    """A moment in UTC; ``None`` for what is none."""
    text = text.strip(SPACES)
    if not re.fullmatch(MOMENT, text):
        return None
    found = datetime.fromisoformat(text)
    return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found
