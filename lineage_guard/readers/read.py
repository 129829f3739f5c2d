"""One file to facts: which kind it is, and the reader for it."""

from __future__ import annotations

import os
from pathlib import Path

from lineage_guard.domain.errors import ConfigError
from lineage_guard.readers.cards import front_matter, read_card
from lineage_guard.readers.data_designer import is_config, read_config
from lineage_guard.readers.distilabel import is_pipeline, read_pipeline
from lineage_guard.readers.documents import parse, text_of, without_surrogates
from lineage_guard.readers.facts import Facts

_KINDS = "a Hugging Face card (README.md), a distilabel pipeline file or a NeMo Data Designer config"


def read(path: str | os.PathLike[str]) -> Facts:
    r"""The facts of one file: a card, a distilabel pipeline or a Data Designer config.

    Args:
        path: the file; nothing else is looked at, on disk or on a network.

    Returns:
        What it says, and what it does not. Never COMPLETE.

    Raises:
        ConfigError: when it cannot be read, is malformed, or is of no known kind; with ``file:line``.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import mkdtemp
        >>> card = Path(mkdtemp()) / "README.md"
        >>> _ = card.write_text("---\nlicense: mit\nbase_model: Qwen/Qwen2.5-7B\n---\n")
        >>> [str(m.value) for m in read(card).models]
        ['huggingface/Qwen/Qwen2.5-7B via self-hosted']
    """
    file = Path(path)
    text = text_of(file)
    if file.suffix.lower() in (".md", ".markdown"):
        card = front_matter(text, file)
        if card is None or not card.map:
            raise ConfigError(
                "it has no metadata, so it says nothing that can be read",
                where=f"{file}:1",
                fix="give a card with YAML between two lines of --- at its top, or declare(...) by hand",
            )
        return read_card(card, file)
    root = parse(without_surrogates(text) if file.suffix.lower() == ".json" else text, str(file))
    if is_pipeline(root):
        return read_pipeline(root, file)
    if is_config(root):
        return read_config(root, file)
    raise ConfigError("it is of no kind that is read here", where=root.where, fix=f"give {_KINDS}")
