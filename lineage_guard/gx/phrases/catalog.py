"""The catalog of phrases: one YAML file that ships with the package, and files of an organisation's own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property, lru_cache
from hashlib import sha256
from importlib import import_module, resources
from pathlib import Path
from typing import Any, cast

from lineage_guard.catalog.documents import Document
from lineage_guard.domain.errors import CatalogError
from lineage_guard.domain.facts import ModelSource
from lineage_guard.gx.phrases.anchors import anchors
from lineage_guard.gx.phrases.wording import expand, expression, pattern
from lineage_guard.gx.suites import NOTHING

#: The provider of phrases that show that a model speaks, and not which.
ANY = "any"

#: Raised whenever the same catalog is read in another way, so that older evidence is not used again.
READING = 1


@dataclass(frozen=True)
class Provider:
    """A provider whose models name themselves.

    Attributes:
        id: e.g. ``"openai"``.
        name: as people write it.
        declared_as: shell patterns, lower case, of providers and model ids under which it is declared.
    """

    id: str
    name: str
    declared_as: tuple[str, ...]


@dataclass(frozen=True)
class Phrase:
    """One phrase.

    Attributes:
        id: stable name; results and suites use it.
        provider: id of the provider whose models say it, or ``ANY``.
        phrase: its wording, parts filled in.
        example: a text in which it must be found.
        false_positives: who else writes it.
        source: where it was seen.
    """

    id: str
    provider: str
    phrase: str
    example: str
    false_positives: str
    source: str

    @cached_property
    def expression(self) -> str:
        """For an engine: see ``wording.expression``."""
        return expression(self.phrase)

    @cached_property
    def anchors(self) -> tuple[str, ...]:
        """For the fastest engine: see ``anchors.anchors``."""
        return anchors(self.phrase)

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What decides: see ``wording.pattern``."""
        return pattern(self.phrase)


@dataclass(frozen=True)
class Phrases:
    """A catalog of phrases.

    Attributes:
        providers: by id.
        phrases: in the order of the file.
        digest: ``sha256:`` over everything that changes what is found.
    """

    providers: Mapping[str, Provider]
    phrases: tuple[Phrase, ...]
    digest: str

    def declared(self, models: Iterable[ModelSource]) -> frozenset[str]:
        """Ids of the providers whose phrases are to be expected in what some models wrote.

        Args:
            models: what an asset declares; base models count, for they leave their words in
                the weights.

        Example:
            >>> sorted(load_phrases().declared([ModelSource("openrouter", "openai/gpt-4o")]))
            ['any', 'openai']
        """
        ids = [
            text.strip().lower()
            for m in models
            for text in (m.provider, m.model, f"{m.provider}/{m.model}", *m.base_models)
        ]
        return frozenset(
            p.id for p in self.providers.values() if any(fnmatchcase(i, one) for one in p.declared_as for i in ids)
        )

    def of_others(self, declared: Iterable[str]) -> tuple[Phrase, ...]:
        """The phrases that are findings where these providers are declared.

        Raises:
            CatalogError: when a provider is none of the catalog's. A typing error in a suite
                would pass for nothing declared, which is strict, or hide what was meant.
        """
        known = set(declared) - {NOTHING}
        if unknown := sorted(known - set(self.providers)):
            raise CatalogError(
                f"no phrases have the provider {unknown[0]!r}", fix=f"use {', '.join(sorted(self.providers))}"
            )
        return tuple(p for p in self.phrases if p.provider not in known)


def load_phrases(*own: Path) -> Phrases:
    """The phrases that ship with the package, with those of an organisation's own files added.

    Args:
        own: files in the form of ``phrases.schema.json``. They may use the shipped parts and
            name shipped providers; an id that is taken is refused.

    Raises:
        CatalogError: a file is missing or wrong, with file, line and column.

    Example:
        >>> len(load_phrases().phrases) >= 40
        True
    """
    return _load(tuple((Path(p), _text(Path(p))) for p in own))


def phrases_schema() -> Mapping[str, Any]:
    """The JSON Schema of a catalog of phrases."""
    file = resources.files("lineage_guard.gx.phrases") / "phrases.schema.json"
    return cast("Mapping[str, Any]", json.loads(file.read_text(encoding="utf-8")))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise CatalogError(f"cannot be read: {problem}", where=str(path), fix="check the path of the file") from problem


@lru_cache(maxsize=4)
def _load(own: tuple[tuple[Path, str], ...]) -> Phrases:
    shipped = resources.files("lineage_guard.gx.phrases") / "phrases.yaml"
    documents = [Document(shipped.read_text(encoding="utf-8"), "lineage_guard/gx/phrases/phrases.yaml", CatalogError)]
    documents += [_checked(Document(text, str(path), CatalogError)) for path, text in own]
    parts: dict[str, str] = {}
    providers: dict[str, Provider] = {}
    phrases: dict[str, Phrase] = {}
    for document in documents:
        value = cast("Mapping[str, Any]", document.value)
        parts |= value.get("parts", {})
        for i, row in enumerate(value.get("providers", ())):
            if row["id"] in providers:
                raise document.fail(f"provider {row['id']!r} is taken", ("providers", i, "id"), "choose another id")
            providers[row["id"]] = Provider(row["id"], row["name"], tuple(p.lower() for p in row["declared_as"]))
        for i, row in enumerate(value["phrases"]):
            _add(document, i, row, parts, providers, phrases)
    text = json.dumps(
        [
            READING,
            sorted((p.id, p.declared_as) for p in providers.values()),
            sorted((p.id, p.provider, p.phrase) for p in phrases.values()),
        ],
        ensure_ascii=False,
    )
    return Phrases(providers, tuple(phrases.values()), "sha256:" + sha256(text.encode()).hexdigest())


def _add(
    document: Document,
    i: int,
    row: Mapping[str, str],
    parts: Mapping[str, str],
    providers: Mapping[str, Provider],
    phrases: dict[str, Phrase],
) -> None:
    if row["id"] in phrases:
        raise document.fail(f"phrase {row['id']!r} is taken", ("phrases", i, "id"), "choose another id")
    if row["provider"] not in providers:
        raise document.fail(f"no provider is called {row['provider']!r}", ("phrases", i, "provider"), "add it")
    try:
        phrase = Phrase(**{**row, "phrase": expand(row["phrase"], parts)})
        found = phrase.pattern.search(row["example"])
    except (ValueError, re.error) as problem:
        raise document.fail(f"the phrase cannot be read: {problem}", ("phrases", i, "phrase"), "mend it") from problem
    if not found:
        raise document.fail("the phrase is not in its example", ("phrases", i, "example"), "mend one of them")
    phrases[phrase.id] = phrase


def _checked(document: Document) -> Document:
    jsonschema: Any = import_module("jsonschema")
    wrong = jsonschema.exceptions.best_match(
        jsonschema.Draft202012Validator(phrases_schema()).iter_errors(document.value)
    )
    if wrong is not None:
        raise document.fail(str(wrong.message), tuple(wrong.absolute_path), "see phrases.schema.json")
    return document
