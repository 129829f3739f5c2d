"""``quarantine()``: two assets out of a mixed table, the rows that a use permits and all others."""

# No `from __future__ import annotations`: Dagster reads the annotation of `context` as an object.

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg

from lineage_guard.dagster.keys import SPLITS_KEY
from lineage_guard.dagster.rows.found import SPLIT_MARK
from lineage_guard.dagster.rows.split import PERMITTED, RESTRICTED, MixedTable, Split, Write, parquet_in
from lineage_guard.domain.errors import ConfigError
from lineage_guard.domain.rules.terms import TRAIN_COMPETING


def quarantine(
    mixed: dg.AssetsDefinition | dg.AssetSpec | dg.AssetKey | str | Sequence[str],
    *,
    table: MixedTable,
    into: str | Path | None = None,
    write: Write | None = None,
    use: str = TRAIN_COMPETING,
    key_prefix: Sequence[str] | str | None = None,
    partitions_def: dg.PartitionsDefinition[Any] | None = None,
    group_name: str | None = None,
    owners: Sequence[str] = (),
) -> dg.AssetsDefinition:
    """Split a mixed table by the provenance of its rows into the assets ``permitted`` and ``restricted``.

    Each row is judged as the policy of ``guard()`` judges a table of that model, channel and usage,
    generated on that day. A row goes to ``permitted`` only if all of this is in it, a model that is
    declared upstream is what it names, and the use may learn from it. All other rows go to
    ``restricted``, with the reason, so that they stay auditable.

    Training on ``permitted`` does not count the models whose rows were taken out, as long as the
    rows suite has passed on exactly the version that is read. Without that evidence the mixed table
    counts in full.

    Args:
        mixed: the asset that is split.
        table: its rows: ``in_duckdb``, ``in_parquet``, ``in_frame``, ``from_relation``, or a function that
            gives one, of the step's context or of nothing. For a partitioned asset, the rows of
            the context's partition.
        into: folder for Parquet files, one per part (and partition).
        write: writes a part instead: gets ``"permitted"`` or ``"restricted"``, the partition or
            ``None``, and an Arrow table; returns where the rows can be read again.
        use: what the permitted rows are for.
        key_prefix: of the two assets; the key of ``mixed`` when ``None``.
        partitions_def: that of ``mixed``; each partition is split in a run of its own.
        group_name: see Dagster.
        owners: see Dagster.

    Raises:
        ConfigError: unless exactly one of ``into`` and ``write`` is given.

    Example:
        >>> from lineage_guard.gx.rows import in_parquet
        >>> parts = quarantine("answers", table=in_parquet("answers.parquet"), into="answers")
        >>> sorted(key.to_user_string() for key in parts.keys)
        ['answers/permitted', 'answers/restricted']
    """
    key = mixed.key if isinstance(mixed, dg.AssetsDefinition | dg.AssetSpec) else dg.AssetKey.from_coercible(mixed)
    if (into is None) is (write is None):
        raise ConfigError(
            "a quarantine must know how to write its parts",
            where=f"quarantine({key.to_user_string()!r})",
            fix="give into=<folder> for Parquet, or write=<function>, and not both",
        )
    prefix = [key_prefix] if isinstance(key_prefix, str) else list(key.path if key_prefix is None else key_prefix)
    permitted, restricted = dg.AssetKey([*prefix, PERMITTED]), dg.AssetKey([*prefix, RESTRICTED])
    split = Split(key, permitted, restricted, table, write or parquet_in(Path(str(into))), use)
    descriptions = {
        permitted: f"Rows of {key.to_user_string()} whose provenance permits {use}.",
        restricted: f"Rows of {key.to_user_string()} that do not say, or whose source does not permit {use}.",
    }

    def run(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        yield from split.run(context, datetime.now(UTC))

    setattr(run, SPLIT_MARK, split)
    specs = [
        dg.AssetSpec(
            k,
            deps=[key],
            group_name=group_name,
            owners=list(owners),
            description=said,
            metadata={SPLITS_KEY: key.to_user_string()},
        )
        for k, said in descriptions.items()
    ]
    name = "quarantine__" + "__".join(prefix)
    return dg.multi_asset(specs=specs, name=_op_name(name), partitions_def=partitions_def)(run)


def _op_name(text: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in text)
