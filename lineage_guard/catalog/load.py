"""Load the catalog that ships with the package, and catalog files of an organisation's own."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from hashlib import sha256
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from lineage_guard.catalog.ancestry import CatalogAncestry, PublicArtefact, artefacts_of
from lineage_guard.catalog.documents import Document, suggest, text_of
from lineage_guard.catalog.entries import Entry, entries_of
from lineage_guard.catalog.hosts import ModelHosts, services_of
from lineage_guard.catalog.match import CatalogTerms
from lineage_guard.catalog.taken import taken_over
from lineage_guard.domain.errors import CatalogError, ConfigError
from lineage_guard.domain.facts import ModelSource

_log = logging.getLogger(__name__)
DISCLAIMER = (
    "Research notes, not legal advice: paraphrases of texts as they were read on the dates shown. "
    "Read the linked text before you rely on it."
)


@dataclass(frozen=True)
class Catalog:
    """What is known of models and of public data.

    Attributes:
        terms: who allows what.
        ancestry: what public datasets and models were made from.
        hosts: who answers on which host; it names services and decides nothing.
        digest: ``sha256:`` over all of it.
    """

    terms: CatalogTerms
    ancestry: CatalogAncestry
    hosts: ModelHosts

    @property
    def digest(self) -> str:
        """``sha256:`` over every fact that can change a verdict."""
        return "sha256:" + sha256(f"{self.terms.digest}\n{self.ancestry.digest}".encode()).hexdigest()


def load_catalog(*own: Path) -> Catalog:
    """The shipped catalog, with an organisation's own catalog files added.

    Cached until one of those files changes.

    Args:
        own: catalog files with further entries (private models, negotiated agreements) or
            artefacts. They add to the shipped ones; an id that is taken is refused.

    Raises:
        CatalogError: a file is missing or wrong, with file, line and column.

    Example:
        >>> load_catalog().terms.get("gpt-oss").license
        'Apache-2.0'
    """
    return _load(tuple((Path(path), _stamp(Path(path))) for path in own))


@lru_cache(maxsize=4)
def _load(own: tuple[tuple[Path, tuple[int, int]], ...]) -> Catalog:
    entries: dict[str, Entry] = {}
    artefacts: dict[str, PublicArtefact] = {}
    documents = [*shipped_documents(), *(document_of(path) for path, _ in own)]
    for n, document in enumerate(documents):
        _add(document, documents[:n], entries, artefacts)
    for document in documents:
        _check_references(document, entries, artefacts)
    services = [service for document in documents for service in services_of(document)]
    terms = CatalogTerms(entries.values())
    if own:
        theirs = [entry for document in shipped_documents() for entry in entries_of(document)]
        for document in documents[len(shipped_documents()) :]:
            for told in taken_over(document, terms, theirs):
                _log.warning("%s: %s. To fix: %s", *told)
    unnamed = [a for a in artefacts.values() if a.type == "model" and not a.terms]
    named = {a.id for a in unnamed if terms.resolve(ModelSource("", a.artefact), None).layers}
    return Catalog(
        terms, CatalogAncestry(artefacts.values(), named, terms.routes), ModelHosts(entries.values(), services)
    )


@cache
def shipped_documents() -> tuple[Document, ...]:
    """The catalog files that ship with the package, as they are written."""
    return tuple(
        Document(file.read_text(encoding="utf-8"), f"lineage_guard/catalog/data/{name}", CatalogError)
        for name, file in _shipped()
    )


def document_of(path: Path) -> Document:
    """An own catalog file, as it is written.

    Raises:
        CatalogError: it cannot be read, or does not follow the schema.
    """
    document = Document(_read(path), str(path), CatalogError)
    document.check("catalog")
    for kind, keys in (("terms", ("effective_from", "effective_until", "date_read")), ("artefacts", ("date_read",))):
        for i, row in enumerate(document.value.get(kind, [])):
            for key in (k for k in keys if row.get(k)):
                document.day(row[key], (kind, i, key))
    return document


def _stamp(path: Path) -> tuple[int, int]:
    try:
        state = path.stat()
    except OSError as problem:
        raise _unreadable(path, problem) from problem
    return (state.st_mtime_ns, state.st_size)


def _read(path: Path) -> str:
    try:
        return text_of(path, CatalogError)
    except OSError as problem:
        raise _unreadable(path, problem) from problem


def _unreadable(path: Path, problem: Exception) -> CatalogError:
    return CatalogError(f"cannot be read: {problem}", where=str(path), fix="check the path of the catalog file")


def check_shipped() -> None:
    """Validate the shipped files against the JSON Schema.

    They are fixed when the package is built and checked by its tests, so ``load_catalog``
    does not spend time on it again.

    Raises:
        CatalogError: a file is wrong.
    """
    for name, file in _shipped():
        Document(file.read_text(encoding="utf-8"), name, CatalogError).check("catalog")


def _shipped() -> list[tuple[str, Traversable]]:
    """Where each file stands within the data, and the file."""
    data = resources.files("lineage_guard.catalog") / "data"
    found = [
        (f"{folder}/{f.name}", f)
        for folder in ("terms", "ancestry", "hosts")
        for f in (data / folder).iterdir()
        if f.name.endswith(".yaml")
    ]
    if not found:
        raise CatalogError("the shipped catalog is missing", fix="reinstall lineage-guard")
    return sorted(found, key=lambda named: named[1].name)


def _add(
    document: Document, before: Sequence[Document], entries: dict[str, Entry], artefacts: dict[str, PublicArtefact]
) -> None:
    for i, entry in enumerate(entries_of(document)):
        if entry.terms.id in entries:
            raise _taken(document, before, "terms", i, entry.terms.id)
        entries[entry.terms.id] = entry
    taken = {name: known.id for known in artefacts.values() for name in known.names}
    for i, artefact in enumerate(artefacts_of(document)):
        if artefact.id in artefacts:
            raise _taken(document, before, "artefacts", i, artefact.id)
        # Two accounts of one artefact: the later would put the ancestry of the earlier out of force.
        if twice := next((name for name in artefact.names if name in taken), None):
            key = "artefact" if twice == artefact.artefact.lower() else "aliases"
            fix = f"take it out; what {taken[twice]!r} says stands, see `lineage-guard catalog show {taken[twice]}`"
            raise document.fail(f"{twice!r} is described before, as {taken[twice]!r}", ("artefacts", i, key), fix)
        artefacts[artefact.id] = artefact
        taken |= dict.fromkeys(artefact.names, artefact.id)


def _taken(document: Document, before: Sequence[Document], kind: str, i: int, id_: str) -> ConfigError:
    """Nothing shipped is replaced, and what changes an own file is tried under that file's name."""
    holder = next((d for d in (*before, document) if any(row["id"] == id_ for row in d.value.get(kind, []))), document)
    fix = "choose another id"
    if kind == "terms":
        fix += "; a later text of the same terms gets an id of its own and their `series`"
    if holder in before and holder not in shipped_documents():
        fix += "; what is to take the place of that file in `impact --terms-file` has its name"
    what = "terms" if kind == "terms" else "artefact"
    return document.fail(f"{what} id {id_!r} is taken in {holder.name}", (kind, i, "id"), fix)


def _check_references(
    document: Document, entries: Mapping[str, Entry], artefacts: Mapping[str, PublicArtefact]
) -> None:
    """An edge that leads nowhere would lose an ancestor."""
    for i, artefact in enumerate(artefacts_of(document)):
        if artefact.terms is not None and artefact.terms not in entries:
            raise document.fail(
                f"no terms have the id {artefact.terms!r}", ("artefacts", i, "terms"), suggest(artefact.terms, entries)
            )
        for j, edge in enumerate(artefact.edges):
            if edge.source not in artefacts:
                path = ("artefacts", i, "upstream", j, "from")
                raise document.fail(f"no artefact has the id {edge.source!r}", path, suggest(edge.source, artefacts))
            if edge.terms is not None and edge.terms not in entries:
                path = ("artefacts", i, "upstream", j, "terms")
                raise document.fail(f"no terms have the id {edge.terms!r}", path, suggest(edge.terms, entries))
