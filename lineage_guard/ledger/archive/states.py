"""Small states beside the log, each one JSON document: cursors, open incidents."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import cast
from urllib.parse import quote, unquote

from lineage_guard.domain.errors import LedgerError
from lineage_guard.ledger.archive.archive import Archive

_FOLDER, _END = "state/", ".json"
_TRIES = 20


def load(archive: Archive, name: str) -> dict[str, object] | None:
    """A state as it was stored last, or ``None``.

    Raises:
        LedgerError: when it is there but cannot be read.
    """
    data = archive.get(_key(name))
    if data is None:
        return None
    try:
        return dict(cast("Mapping[str, object]", json.loads(data)))
    except (ValueError, TypeError) as e:
        raise LedgerError(
            f"state cannot be read: {e}",
            where=archive.describe(_key(name)),
            fix="delete the file: what it holds is made again",
        ) from e


def store(archive: Archive, name: str, state: Mapping[str, object]) -> None:
    """Replace a state, whatever it is now.

    Raises:
        LedgerError: when the archive cannot be written.
    """
    archive.put(_key(name), _dump(state))


def swap(archive: Archive, name: str, old: Mapping[str, object] | None, new: Mapping[str, object]) -> bool:
    """Replace a state that is still ``old``; whether it was.

    Raises:
        LedgerError: when the archive cannot be read or written.
    """
    return archive.replace(_key(name), None if old is None else _dump(old), _dump(new))


def change(archive: Archive, name: str, changed: Callable[[dict[str, object]], dict[str, object]]) -> None:
    """Change a small state that others change, too.

    Args:
        archive: of the ledger.
        name: of the state.
        changed: makes what it shall be of what it is; asked again when somebody else was quicker.

    Raises:
        LedgerError: when the archive cannot be read or written.
    """
    for _ in range(_TRIES):
        old = load(archive, name)
        new = changed(old or {})
        if new == (old or {}) or swap(archive, name, old, new):
            return
    raise LedgerError(
        f"too many processes change the state {name!r} at once",
        where=archive.location,
        fix="run the step again",
    )


def drop(archive: Archive, name: str) -> None:
    """Forget a state; nothing happens when there is none.

    Raises:
        LedgerError: when the archive cannot be written.
    """
    archive.delete(_key(name))


def names(archive: Archive, prefix: str = "") -> tuple[str, ...]:
    """The names of all states that start with a prefix, sorted.

    Raises:
        LedgerError: when the archive cannot be listed.
    """
    keys = (key.removeprefix(_FOLDER) for key in archive.list(_FOLDER))
    found = (unquote(key.removesuffix(_END)) for key in keys if key.endswith(_END))
    return tuple(sorted(name for name in found if name.startswith(prefix)))


def _dump(state: Mapping[str, object]) -> bytes:
    # The same state gives the same bytes, so that bytes can be compared.
    return json.dumps(state, sort_keys=True, indent=1).encode()


def _key(name: str) -> str:
    return f"{_FOLDER}{quote(name, safe='')}{_END}"
