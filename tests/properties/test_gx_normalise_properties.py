"""Provenance columns read by DuckDB's SQL and by Python: the same, for any text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

import pyarrow as pa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lineage_guard.gx.rows import in_frame, normalise_model
from lineage_guard.gx.tables.duckdb import DuckDBRows
from lineage_guard.gx.tables.normalise import MOMENT, SPACES, normalise_channel, normalise_usage

any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
ids = any_text | st.text(alphabet="aGPT-4o0126 \t\n\x00\u00a0İK", max_size=20)
ids |= st.from_regex(r"[ \n]?[A-z]{2}-20[0-9]{2}-[01][0-9]-[0-3][0-9]\s?", fullmatch=True)
moments = st.from_regex(rf"[ \n]?({MOMENT})\s?", fullmatch=True) | st.datetimes().map(str) | any_text


def read(**columns: Sequence[object]) -> list[tuple[object, ...]]:
    rows = cast("DuckDBRows", in_frame(pa.table(cast("Any", columns))).open())
    found = rows.connection.execute("FROM rows").fetchall()
    rows.close()
    return found


@given(st.lists(ids, min_size=1, max_size=60))
@settings(max_examples=25)
@example(["claude-sonnet-4-20250514", "GPT-4o-2024-08-06 ", "x-2024-08-061", "-2024-08-06", "K-20240806\u0085"])
def test_models_channels_and_usages(texts: list[str]) -> None:
    expected = [
        (
            normalise_model(t),
            normalise_channel(t),
            normalise_usage(t),
            f"{normalise_model(t)} via {normalise_channel(t)}",
        )
        if t.strip(SPACES)
        else (None, None, None, None)
        for t in texts
    ]
    assert read(model=texts, channel=texts, usage=texts) == expected


@given(st.lists(moments, min_size=1, max_size=60))
@settings(max_examples=25)
@example(["2024-02-29", "2023-02-29", "2100-02-29", "2400-02-29", "2000-02-29 00:00Z", "infinity", "epoch", ""])
def test_moments(texts: list[str]) -> None:
    for text, (found,) in zip(texts, read(generated_at=texts), strict=True):
        stripped = text.strip(SPACES)
        assert (found is not None) == bool(re.fullmatch(MOMENT, stripped)), repr(text)
        if found is not None:
            moment = datetime.fromisoformat(stripped)
            offset = moment.utcoffset()
            assert found == (moment.replace(tzinfo=None) - offset if offset else moment.replace(tzinfo=None))


@given(st.datetimes(datetime(1900, 1, 1), datetime(2999, 12, 31)))
@settings(max_examples=15)
def test_what_python_writes_is_a_moment(moment: datetime) -> None:
    assert read(generated_at=[moment.isoformat(), str(moment), f"{moment.isoformat()}+00:00"]) == [(moment,)] * 3
