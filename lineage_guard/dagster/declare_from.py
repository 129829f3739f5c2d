"""Declarations out of files: a card, a distilabel pipeline, a Data Designer config."""

from __future__ import annotations

import os
from typing import Any

from lineage_guard.dagster.declare import checked_source, metadata_of
from lineage_guard.domain.errors import DeclarationError
from lineage_guard.domain.facts import Completeness, ModelSource


def declare_from(
    path: str | os.PathLike[str],
    *more: ModelSource,
    completeness: Completeness | None = None,
    artefact: str | None = None,
) -> dict[str, Any]:
    """Declare what a file says of how an asset was made. Returns asset metadata, as ``declare`` does.

    The file is read when the definitions load. What it says is never taken for all there is: the declaration is
    INCOMPLETE or UNKNOWN, which blocks training, until you answer for it with ``completeness``.

    Args:
        path: a Hugging Face dataset or model card (README.md), a distilabel pipeline file or a NeMo Data
            Designer config.
        *more: models that took part besides those the file names.
        completeness: COMPLETE when the file and ``more`` name all there were.
        artefact: public id of the dataset or model that the file belongs to.

    Raises:
        ConfigError: when the file cannot be read or understood, with ``file:line``.
        DeclarationError: when ``more`` or ``completeness`` are not what they should be.

    Example:
        >>> declare_from("data/README.md", completeness=Completeness.COMPLETE)      # doctest: +SKIP
        {'lineage_guard/declaration': ...}
    """
    from lineage_guard.readers import read

    facts = read(path)
    where = str(path)
    try:
        word = None if completeness is None else Completeness(str(completeness))
    except ValueError:
        choices = ", ".join(Completeness)
        raise DeclarationError(
            f"{completeness!r} is no Completeness", where=where, fix=f"use one of {choices}"
        ) from None
    return metadata_of(facts.declaration([checked_source(m, where) for m in more], word, artefact))
