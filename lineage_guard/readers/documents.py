"""YAML and JSON of strangers: text with line numbers, and nothing that a file could do to its reader.

The parser's events are built into a tree of our own, without recursion. Aliases are shared, never
copied, tags other than those of plain values are refused, and so are merge keys, second documents
and repeated keys. Every scalar stays the text that it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias, cast

import yaml

from lineage_guard.domain.errors import ConfigError

#: Largest file that is read, in bytes; real ones have kilobytes.
MOST_BYTES = 4 << 20
#: Deepest nesting; real ones have about ten levels.
MOST_LEVELS = 100
_PLAIN_TAGS = {
    f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "seq", "map", "timestamp")
}
_NULLS = ("", "~", "null", "Null", "NULL")
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TEMPLATE = "it is a template that was not filled in"

Value: TypeAlias = "str | list[Node] | dict[str, Node] | None"
_BACKSLASHES = re.compile(r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|.)", re.DOTALL)


class Node:
    """A value and where it stands.

    Attributes:
        value: text, ``None``, a list or a mapping.
        where: ``file:line``.
    """

    __slots__ = ("value", "where")

    def __init__(self, value: Value, where: str) -> None:
        self.value = value
        self.where = where

    @property
    def map(self) -> dict[str, Node]:
        """The mapping; empty for anything else."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> list[Node]:
        """The list; a single text as a list of one, nothing as an empty one."""
        if isinstance(self.value, list):
            return self.value
        return [] if self.value is None else [self]

    @property
    def text(self) -> str | None:
        """The text; ``None`` for anything else."""
        return self.value if isinstance(self.value, str) else None

    def get(self, *keys: str) -> Node | None:
        """The first of some keys that holds anything."""
        found = (self.map.get(k) for k in keys)
        return next((n for n in found if n is not None and n.value is not None), None)

    def said(self, *keys: str) -> str | None:
        """The first of some keys that holds text."""
        return next((n.text for k in keys if (n := self.map.get(k)) is not None and n.text), None)

    def below(self, seen: set[int]) -> Iterator[Node]:
        """This and everything in it, each once, though aliases put it in many places.

        Args:
            seen: ids of nodes that have been visited; added to.
        """
        waiting: list[Node] = [self]
        while waiting:
            node = waiting.pop()
            if id(node) in seen:
                continue
            seen.add(id(node))
            yield node
            if isinstance(node.value, dict):
                waiting.extend(reversed(node.value.values()))
            elif isinstance(node.value, list):
                waiting.extend(reversed(node.value))


def text_of(path: Path) -> str:
    """The text of a file.

    Raises:
        ConfigError: when it cannot be read, is no UTF-8 text or is too large.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"it cannot be read: {error.strerror or error}", where=str(path), fix="give the path of a readable file"
        ) from error
    if len(data) > MOST_BYTES:
        raise ConfigError(
            f"it has more than {MOST_BYTES >> 20} MiB, which no file of these kinds has",
            where=str(path),
            fix="give the card, pipeline or config itself, not data",
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"it is no UTF-8 text: {error.reason}", where=f"{path}:{line}", fix="save it as UTF-8"
        ) from error
    if (at := text.find("\0")) >= 0:
        line = text.count("\n", 0, at) + 1
        raise ConfigError("it holds a NUL character, so it is no text", where=f"{path}:{line}", fix="save it as UTF-8")
    return text


def without_surrogates(json: str) -> str:
    r"""JSON with characters beyond the basic plane written out, as YAML wants them; lines stay where they are.

    Example:
        >>> without_surrogates(r'"\ud83d\ude00 \\ud83d"')
        '"😀 \\\\ud83d"'
    """

    def joined(m: re.Match[str]) -> str:
        if m[1] is None:
            return m[0]
        return bytes.fromhex(m[1] + m[2]).decode("utf-16-be")

    return _BACKSLASHES.sub(joined, json)


def parse(text: str, name: str, first_line: int = 1) -> Node:
    """The tree of one YAML or JSON document.

    Args:
        text: YAML 1.1 or JSON.
        name: shown in errors and places, normally the file's path.
        first_line: line of the file on which the text begins.

    Raises:
        ConfigError: for anything but one document of plain values, with ``file:line``.

    Example:
        >>> parse("license: mit", "README.md", 2).map["license"].where
        'README.md:2'
    """
    builder = _Builder(name, first_line, len(text.splitlines()))
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise builder.error(f"it is no valid YAML: {error.problem or error.context}", mark, "mend the YAML") from error
    except (yaml.YAMLError, ValueError) as error:
        raise builder.error(f"it is no valid YAML: {error}", None, "mend the YAML") from error
    return builder.root or Node(None, f"{name}:{first_line}")


class _Builder:
    def __init__(self, name: str, first_line: int, lines: int) -> None:
        self.root: Node | None = None
        self._name = name
        self._first = first_line
        self._last = first_line + max(lines, 1) - 1
        self._open: list[tuple[Node, str | None]] = []
        self._anchors: dict[str, Node] = {}

    def error(self, what: str, mark: Any, fix: str) -> ConfigError:
        return ConfigError(what, where=self._place(mark) if mark else f"{self._name}:{self._first}", fix=fix)

    def _place(self, mark: Any) -> str:
        # What ends too soon is marked on the line after its last.
        return f"{self._name}:{min(mark.line + self._first, self._last)}"

    def take(self, event: Any) -> None:
        if isinstance(event, yaml.AliasEvent):
            known = self._anchors.get(str(event.anchor))
            if known is None:
                raise self.error(f"*{event.anchor} names nothing", event.start_mark, "mend the YAML")
            self._put(known, event)
        elif isinstance(event, yaml.ScalarEvent):
            self._refuse_tag(event)
            text = str(event.value)
            plain = event.style in (None, "") and event.implicit[0]
            self._put(Node(None if plain and text in _NULLS else text, self._place(event.start_mark)), event)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._refuse_tag(event)
            if len(self._open) >= MOST_LEVELS:
                raise self.error(f"it is nested more than {MOST_LEVELS} deep", event.start_mark, "give a real file")
            is_map = isinstance(event, yaml.MappingStartEvent)
            node = Node({} if is_map else [], self._place(event.start_mark))
            self._put(node, event)
            self._open.append((node, None))
        elif isinstance(event, yaml.CollectionEndEvent):
            self._open.pop()
        elif isinstance(event, yaml.DocumentStartEvent) and self.root is not None:
            raise self.error("it holds a second document", event.start_mark, "keep one document per file")

    def _put(self, node: Node, event: Any) -> None:
        if not isinstance(event, yaml.AliasEvent) and event.anchor:
            self._anchors[str(event.anchor)] = node
        if not self._open:
            self.root = node
            return
        holder, key = self._open[-1]
        if isinstance(holder.value, list):
            holder.value.append(node)
            return
        values = cast("dict[str, Node]", holder.value)
        if key is not None:
            values[key] = node
            self._open[-1] = (holder, None)
            return
        if not isinstance(event, yaml.ScalarEvent):
            raise self.error(f"a key is no text: {_TEMPLATE}, or no file of this kind", event.start_mark, "fill it in")
        name = str(event.value)
        if name == "<<":
            raise self.error("merge keys (<<) are not read", event.start_mark, "write out what they stand for")
        if name in values:
            raise self.error(f"key {name!r} stands twice", event.start_mark, "keep one; the other would be lost")
        values[name] = Node(None, self._place(event.start_mark))
        self._open[-1] = (holder, name)

    def _refuse_tag(self, event: Any) -> None:
        if event.tag not in (None, "!", *_PLAIN_TAGS):
            raise self.error(
                f"it holds the tag {event.tag!r}; only plain values are read", event.start_mark, "remove it"
            )
