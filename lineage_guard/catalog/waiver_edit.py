"""Writing in the file of waivers: an entry is added or marked, and every other byte stays.

The file is reviewed, so what a command changes must be a diff that a person can read.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from datetime import date
from glob import escape
from pathlib import Path

import yaml

from lineage_guard.catalog.waiver_file import WaiverFile, parse_waivers, read_waivers
from lineage_guard.domain.errors import WaiverError
from lineage_guard.domain.rules.waivers import places
from lineage_guard.domain.verdict.decide import Finding, Verdict

_HEAD = """\
# Risks that named people accept until a day; see `lineage-guard waive --help`. Change it by review only.
# Editors complete it with the schema that `lineage-guard schema waivers` prints.
format: 1
waivers:
"""


def scope_of(finding: Finding, verdict: Verdict) -> dict[str, str | None]:
    """The narrowest waiver that covers a finding: this rule, asset, use, partition, and model or version of data.

    Args:
        finding: of the verdict.
        verdict: on what would be trained.
    """
    named = {
        "rule": finding.rule,
        "asset": escape(verdict.target.name),
        "use": verdict.use,
        "partition": None if verdict.target.partition is None else escape(verdict.target.partition),
        "model": escape(finding.model.model) if finding.model else None,
        "dataset": None if finding.model else escape(places(finding.subject)[-1]),
    }
    return {key: value for key, value in named.items() if value is not None or key == "model"}


def request(
    path: Path,
    scopes: list[dict[str, str | None]],
    requested_by: str,
    on: date,
    filled_in: Mapping[str, str | None],
) -> tuple[str, ...]:
    """Add an entry for each scope, for somebody else to approve. Makes the file when there is none.

    Args:
        path: the file.
        scopes: of ``scope_of``.
        requested_by: who asks.
        on: today.
        filled_in: ``reason_code``, ``reason``, ``ticket`` and ``expires``, as far as they are known.

    Returns:
        Their ids.

    Raises:
        WaiverError: the file, or what would be added, is wrong. Nothing was written then.
    """
    file = read_waivers(path) if path.exists() else parse_waivers(_HEAD.replace("waivers:", "waivers: []"), path)
    text = file.text if path.exists() else _HEAD
    indent = _place_for_more(file, text) if path.exists() else 2
    if not file.entries and path.exists():
        text, indent = _opened(text), 2
    taken = {e.id for e in file.entries}
    ids: list[str] = []
    for scope in scopes:
        stem = "".join(c if c.isalnum() else "-" for c in f"{on.isoformat()}-{scope['asset']}".lower()).strip("-")
        id = next(i for n in range(1, len(taken) + 2) if (i := f"w-{stem}-{n}") not in taken)
        taken.add(id)
        ids.append(id)
        fields: dict[str, str | None] = {"id": id, **scope}
        fields |= {name: filled_in.get(name) for name in ("reason_code", "reason", "ticket", "expires")}
        fields |= {"requested_by": requested_by, "requested_on": on.isoformat(), "approved_by": None}
        lines = [f"{name}: {_scalar(value)}" for name, value in fields.items()]
        first, rest = " " * indent + "- ", " " * (indent + 2)
        text = text.rstrip("\n") + "\n" + "".join(f"{first if n == 0 else rest}{x}\n" for n, x in enumerate(lines))
    _write(path, text)
    return tuple(ids)


def revoke(path: Path, id: str, by: str, on: date, reason: str) -> None:
    """Mark an entry as taken back. It stays in the file.

    Args:
        path: the file.
        id: of the entry.
        by: who takes it back.
        on: today.
        reason: why.

    Raises:
        WaiverError: there is no such entry, or it was taken back before.
    """
    file = read_waivers(path)
    at = next((i for i, e in enumerate(file.entries) if e.id == id), None)
    if at is None:
        known = ", ".join(e.id for e in file.entries) or "none"
        raise WaiverError(f"there is no waiver {id!r}", where=str(path), fix=f"name one of: {known}")
    if file.entries[at].revoked is not None:
        raise file.document.fail(f"waiver {id!r} was taken back before", ("waivers", at), "nothing is left to do")
    node = file.document.node(("waivers", at))
    keys = {key.value: (key, value) for key, value in node.value} if isinstance(node, yaml.MappingNode) else {}
    if not isinstance(node, yaml.MappingNode) or node.flow_style:
        fix = "write it with one key in a line, so that it can be marked"
        raise file.document.fail(f"waiver {id!r} stands in one line", ("waivers", at), fix)
    key, value = keys["id"]
    mark = f"revoked: {{by: {_scalar(by)}, on: {on.isoformat()}, reason: {_scalar(reason)}}}"
    lines = file.text.splitlines(keepends=True)
    lines.insert(value.end_mark.line + 1, " " * key.start_mark.column + mark + "\n")
    _write(path, "".join(lines))


def _scalar(value: str | None) -> str:
    return "null" if value is None else json.dumps(value, ensure_ascii=False)


def _place_for_more(file: WaiverFile, text: str) -> int:
    """The indentation of the entries; the list must be the last thing in the file and written line by line."""
    node = file.document.node(("waivers",))
    if not file.entries:
        return 2
    if not isinstance(node, yaml.SequenceNode) or node.flow_style:
        raise file.document.fail("the list stands in one line", ("waivers",), "write one entry below the other")
    if any(
        line and not line[0].isspace() and line[0] not in "#-" for line in text.splitlines()[node.start_mark.line :]
    ):
        raise file.document.fail("the list is not the last thing in the file", ("waivers",), "move it to the end")
    return node.start_mark.column


def _opened(text: str) -> str:
    lines = text.splitlines()
    return "\n".join("waivers:" if line.replace(" ", "").startswith("waivers:[]") else line for line in lines) + "\n"


def _write(path: Path, text: str) -> None:
    """Checked before it is written, and written whole or not at all."""
    parse_waivers(text, path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(text)
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
        os.chmod(name, mode)
        os.replace(name, path)
    except OSError as problem:
        Path(name).unlink(missing_ok=True)
        raise WaiverError(
            f"the waivers cannot be written: {problem}", where=str(path), fix="check the folder"
        ) from problem
