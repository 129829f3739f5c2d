"""YAML documents that know where every value stands, checked against a JSON Schema.

An error in a hand-written file must say file, line and column, so the node tree with its
marks is read first and plain values are built from it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from difflib import get_close_matches
from functools import cache
from importlib import resources
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, cast

import yaml

from lineage_guard.domain.errors import ConfigError

if TYPE_CHECKING:
    from jsonschema import ValidationError

Path = tuple[str | int, ...]
ErrorKind = Callable[..., ConfigError]

_FASTEST: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


_TAG = "tag:yaml.org,2002:"
_YAML_1_1 = tuple(_TAG + kind for kind in ("bool", "int", "timestamp", "merge"))
#: What the parser says, and what its author can do.
_YAML_FIXES = (
    ("tab character", "indent with spaces"),
    ("mapping values are not allowed", "put a text with a colon in quotes, or line the key up with those beside it"),
    ("alphabetic or numeric character", "put the text in quotes: a bare * means something else in YAML"),
    ("undefined alias", "put the text in quotes: a bare * means something else in YAML"),
    ("found another document", "take the line `---` out, and what follows into a file of its own"),
    ("unhashable key", "write a plain name before the colon"),
    ("could not determine a constructor", "put the text in quotes: a bare ! means something else in YAML"),
    ("while scanning a tag", "put the text in quotes: a bare ! means something else in YAML"),
    ("unexpected end of stream", "close the quotes or the bracket that were opened"),
    ("'-' indicator", "line this up with the lines above: as many spaces before it"),
    ("<block end>", "line this up with the lines above: as many spaces before it"),
    ("could not find expected ':'", "write `key: value`, with a colon and an ordinary space"),
)
_WORDS = {
    "object": "keys with values",
    "array": "a list",
    "string": "a text",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
}


class _Loader(_FASTEST):
    """YAML 1.2 scalars: on, off, yes, no, dates, 0700 and 12:30 are text, as every reader expects."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag not in _YAML_1_1]
    for first, resolvers in _FASTEST.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile("^[-+]?(?:0|[1-9][0-9_]*)$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile("^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


class Document:
    """The value of a YAML file and the place of each of its parts.

    Args:
        text: YAML.
        name: shown in errors, normally the file's path.
        error: the error type to raise, e.g. ``PolicyError``.

    Raises:
        ConfigError: of the given type, when the text is not YAML or a key stands twice.
    """

    def __init__(self, text: str, name: str, error: ErrorKind) -> None:
        self.name = name
        self._error = error
        loader = _Loader(text)
        try:
            self._root = cast("yaml.Node | None", loader.get_single_node())
            if self._root is not None:
                self._refuse_lost_keys(self._root)
            self.value: Any = None if self._root is None else loader.construct_document(self._root)
        except yaml.MarkedYAMLError as problem:
            mark = problem.problem_mark or problem.context_mark
            where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
            told = f"{problem.context or ''} {problem.problem or problem}"
            fix = next((fix for sign, fix in _YAML_FIXES if sign in told), "mend the YAML")
            raise error(f"not valid YAML: {problem.problem or problem}", where=where, fix=fix) from problem
        except (yaml.YAMLError, RecursionError, ValueError) as problem:
            where = f"{name}:1:1"
            if isinstance(problem, yaml.reader.ReaderError):
                where = f"{name}:{place_in(text, problem.position)}"
            raise error(f"not valid YAML: {problem}", where=where, fix="mend the YAML") from problem
        finally:
            loader.dispose()

    def place(self, path: Path) -> str:
        """``file:line:column`` of the value at a path, or of the nearest parent that exists."""
        node, mark = self._root, None
        if node is not None:
            mark = node.start_mark
        for step in path:
            key, node = _child(node, step)
            if node is None:
                break
            mark = (key or node).start_mark if isinstance(step, str) else node.start_mark
        return f"{self.name}:{mark.line + 1}:{mark.column + 1}" if mark else f"{self.name}:1:1"

    def node(self, path: Path) -> yaml.Node | None:
        """The YAML node at a path, for whoever edits the text."""
        node = self._root
        for step in path:
            _, node = _child(node, step)
        return node

    def fail(self, what: str, path: Path, fix: str) -> ConfigError:
        """An error that points at a path."""
        return self._error(what, where=self.place(path), fix=fix)

    def day(self, text: str, path: Path) -> date:
        """A day.

        Args:
            text: ISO 8601.
            path: where it stands.

        Raises:
            ConfigError: of the given type, when it is none.
        """
        try:
            return date.fromisoformat(text)
        except ValueError as problem:
            raise self.fail(f"{text!r} is no day: {problem}", path, "write it as 2026-01-31") from problem

    def moment(self, text: str, path: Path) -> datetime:
        """A day, from its beginning in UTC, or a time; one without a zone is UTC.

        Args:
            text: ISO 8601.
            path: where it stands.

        Raises:
            ConfigError: of the given type, when it is neither.
        """
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as problem:
            raise self.fail(f"{text!r} is no day or time: {problem}", path, "write it as 2027-01-31") from problem
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)

    def check(self, schema_name: str) -> None:
        """Validate against a schema that ships in ``catalog/schemas``.

        Raises:
            ConfigError: for the first violation, deepest and topmost in the file.
        """
        if not isinstance(self._root, yaml.MappingNode):
            what = "the file is empty" if self._root is None else "the file does not begin with a key"
            fix = f"begin it with `format: 1`; `lineage-guard schema {schema_name}` says what may follow"
            raise self.fail(what, (), fix)
        errors = list(_validator(schema_name).iter_errors(self.value))
        if errors:
            raise self._explain(_most_telling(errors))

    def _explain(self, error: ValidationError) -> ConfigError:
        path: Path = tuple(error.absolute_path)
        schema = cast("Mapping[str, Any]", error.schema)
        instance = cast("Mapping[str, Any]", error.instance)
        if error.validator == "additionalProperties":
            known = list(cast("Mapping[str, Any]", schema.get("properties", {})))
            unknown = next(k for k in instance if k not in known)
            return self.fail(f"unknown key {unknown!r}", (*path, unknown), suggest(str(unknown), known))
        if error.validator == "required":
            missing = [k for k in cast("list[str]", error.validator_value) if k not in instance]
            properties = cast("Mapping[str, Any]", schema.get("properties", {}))
            meant = get_close_matches(missing[0], [k for k in instance if k not in properties], n=1, cutoff=0.8)
            fix = f"add {missing[0]!r}" + (f", or did you mean it where you wrote {meant[0]!r}?" if meant else "")
            return self.fail(f"{_subject(path)} lacks {missing[0]!r}", path, fix)
        if error.validator == "enum":
            choices = [str(c) for c in cast("Iterable[object]", error.validator_value) if c is not None]
            return self.fail(
                f"{_subject(path)} cannot be {error.instance!r}", path, suggest(str(error.instance), choices)
            )
        hint = cast("str | None", schema.get("description")) or "see the JSON Schema of the file"
        if error.validator == "type":
            found, wanted = cast("object", error.instance), cast("object", error.validator_value)
            return self.fail(_wrong_type(_subject(path), found, wanted), path, f"{_how(found, wanted)}{hint}")
        if error.validator == "pattern":
            return self.fail(f"{_subject(path)} cannot be {error.instance!r}", path, hint)
        return self.fail(f"{_subject(path)}: {error.message}", path, hint)

    def _refuse_lost_keys(self, node: yaml.Node) -> None:
        for at in _mappings(node):
            seen: set[str] = set()
            for key, _ in at.value:
                if not isinstance(key, yaml.ScalarNode):
                    continue
                where = f"{self.name}:{key.start_mark.line + 1}:{key.start_mark.column + 1}"
                if key.tag != f"{_TAG}str" or (key.value.isdecimal() and not key.style):
                    fix = "write a name before the colon, in quotes where it is a number; and numbers without commas"
                    raise self._error(f"{key.value!r} is no name of a key", where=where, fix=fix)
                if key.value in seen:
                    fix = "keep one of them; the other would be lost silently"
                    raise self._error(f"key {key.value!r} stands twice", where=where, fix=fix)
                seen.add(key.value)


def text_of(path: FilePath, error: ErrorKind) -> str:
    """The text of a file that people write.

    Args:
        path: the file.
        error: the error type to raise.

    Raises:
        OSError: it cannot be read.
        ConfigError: of the given type, when it is not UTF-8; names line and column.
    """
    data = path.read_bytes()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as problem:
        where = f"{path}:{place_in(data[: problem.start].decode('utf-8'), problem.start)}"
        what = f"cannot be read: it is not UTF-8 ({problem.reason})"
        raise error(what, where=where, fix="save the file as UTF-8") from problem


def place_in(text: str, at: int) -> str:
    """``line:column`` of a character of a text."""
    before = text[:at]
    return f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


def _wrong_type(subject: str, found: object, wanted: object) -> str:
    kinds = cast("list[str]", wanted) if isinstance(wanted, list) else [str(wanted)]
    must = " or ".join(_WORDS.get(kind, kind) for kind in kinds if kind != "null" or len(kinds) == 1)
    shown = "nothing" if found is None else repr(found)
    kind = "keys with values" if isinstance(found, dict) else "a list" if isinstance(found, list) else "a text"
    is_now = shown if len(shown) < 60 else kind
    return f"{subject} must be {must}, and is {is_now}"


def _how(found: object, wanted: object) -> str:
    """How a value of the wrong kind becomes one of the right kind, where that is plain."""
    if wanted == "boolean":
        return "write true or false, without quotes; "
    if wanted == "array" and isinstance(found, dict):
        return "begin each of the list with `- `; "
    if isinstance(found, int | float) and ("string" in wanted if isinstance(wanted, list) else wanted == "string"):
        return "put it in quotes; "
    return ""


def suggest(word: str, known: Iterable[str]) -> str:
    """``did you mean 'x'?`` when something close is known, else the list of what is."""
    choices = list(known)
    # ``tag`` where it is ``asset_tag`` that is known.
    ends = [c for c in choices if c.lower().endswith(f"_{word.lower().rstrip('s')}")]
    if len(ends) == 1:
        return f"did you mean {ends[0]!r}?"
    close = get_close_matches(word.lower(), [c.lower() for c in choices], n=1, cutoff=0.6)
    if close:
        return f"did you mean {next(c for c in choices if c.lower() == close[0])!r}?"
    return "use one of " + ", ".join(choices)


def schema(name: str) -> Mapping[str, Any]:
    """A JSON Schema that ships with the package, e.g. ``"policy"``."""
    file = resources.files("lineage_guard.catalog") / "schemas" / f"{name}.schema.json"
    return cast("Mapping[str, Any]", json.loads(file.read_text(encoding="utf-8")))


@cache
def _validator(name: str) -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(schema(name))


def _most_telling(errors: list[ValidationError]) -> ValidationError:
    flat = [leaf for e in errors for leaf in _leaves(e)]
    # A misspelt key is the cause of whatever else is wrong around it.
    return min(
        flat,
        key=lambda e: (
            e.validator != "additionalProperties",
            -len(e.absolute_path),
            [str(p).zfill(6) for p in e.absolute_path],
        ),
    )


def _leaves(error: ValidationError) -> Iterator[ValidationError]:
    inner = error.context or []
    if not inner:
        yield error
    for e in inner:
        yield from _leaves(e)


def _subject(path: Path) -> str:
    names = [f"[{p}]" if isinstance(p, int) else str(p) for p in path]
    return ".".join(names).replace(".[", "[") or "the file"


def _child(node: yaml.Node | None, step: str | int) -> tuple[yaml.Node | None, yaml.Node | None]:
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return None, node.value[step]
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == str(step):
                return key, value
    return None, None


def _mappings(node: yaml.Node) -> Iterator[yaml.MappingNode]:
    stack, seen = [node], set[int]()
    while stack:
        at = stack.pop()
        if id(at) in seen:
            continue
        seen.add(id(at))
        if isinstance(at, yaml.MappingNode):
            yield at
            stack.extend(child for pair in at.value for child in pair)
        elif isinstance(at, yaml.SequenceNode):
            stack.extend(at.value)
