"""The digest of a model's weights: what they are, whatever name they answer to."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from lineage_guard.domain.errors import ConfigError

_INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
_KINDS = ("*.safetensors", "*.gguf", "pytorch_model*.bin", "consolidated*.pth", "*.npz")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SNAPSHOT = re.compile(r"models--(.+)/snapshots/([^/]+)/?$")


def weights_digest(folder: str | os.PathLike[str]) -> str:
    """The ``sha256:...`` of the weights in a folder, or of one file of weights.

    One file has its own SHA-256, as ``sha256sum`` and the Hugging Face hub show it. Several have the SHA-256
    of the lines ``<sha256>  <name>``, sorted by name: ``sha256sum *.safetensors | sha256sum``. Of files in a hub
    cache the digest is read from where the cache links to, so that nothing has to be read again.

    Args:
        folder: a folder as ``save_pretrained`` writes it, a snapshot in a hub cache, or a file.

    Raises:
        ConfigError: when there are no weights, or some are missing.

    Example:
        ``ModelSource("me", "my-model", channel="self-hosted", digest=weights_digest("/srv/models/my-model"))``
    """
    files = weight_files(Path(folder))
    digests = [(_sha256(file), name) for name, file in files]
    if len(digests) == 1:
        return f"sha256:{digests[0][0]}"
    lines = "".join(f"{digest}  {name}\n" for digest, name in digests)
    return f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"


def weight_files(folder: Path) -> list[tuple[str, Path]]:
    """The files that hold the weights, by name: those the index names, else those of the first kind found.

    Raises:
        ConfigError: when there are none, or the index names one that is missing.
    """
    if folder.is_file():
        return [(folder.name, folder)]
    for name in _INDEXES:
        index = folder / name
        if index.is_file():
            named = cast("Mapping[str, Mapping[str, str]]", json.loads(index.read_text("utf-8")))["weight_map"]
            files = [(file, folder / file) for file in sorted(set(named.values()))]
            if missing := [file for file, path in files if not path.is_file()]:
                raise ConfigError(f"{missing[0]} is missing", where=str(index), fix="download the whole model")
            return files
    for kind in _KINDS:
        if files := sorted(folder.glob(kind)):
            return [(file.name, file) for file in files]
    raise ConfigError("there are no weights", where=str(folder), fix="name the folder that holds the safetensors files")


def _sha256(file: Path) -> str:
    blob = Path(os.readlink(file)).name if file.is_symlink() else ""
    if _SHA256.fullmatch(blob):
        return blob  # a hub cache names large files by their SHA-256
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def hub_name(path: str) -> tuple[str, str] | None:
    """Model id and revision of a snapshot folder in a hub cache.

    Example:
        >>> hub_name("/home/me/.cache/huggingface/hub/models--Qwen--Qwen2.5-7B/snapshots/d149729")
        ('Qwen/Qwen2.5-7B', 'd149729')
    """
    found = _SNAPSHOT.search(path.replace(os.sep, "/"))
    return (found.group(1).replace("--", "/"), found.group(2)) if found else None


def hub_folder(model: str, revision: str | None, environment: Mapping[str, str] = os.environ) -> Path | None:
    """Where the hub cache of this machine keeps a model; ``None`` when it does not.

    Args:
        model: id, e.g. ``"Qwen/Qwen2.5-7B"``.
        revision: branch, tag or commit; ``None`` for ``main``.
        environment: environment variables.
    """
    home = environment.get("HF_HOME") or str(Path(environment.get("XDG_CACHE_HOME", "~/.cache")) / "huggingface")
    cache = Path(environment.get("HF_HUB_CACHE") or Path(home) / "hub").expanduser()
    root = cache / f"models--{model.replace('/', '--')}"
    ref = root / "refs" / (revision or "main")
    commit = ref.read_text("utf-8").strip() if ref.is_file() else revision
    folder = root / "snapshots" / commit if commit else None
    return folder if folder is not None and folder.is_dir() else None
