"""What is wrong or doubtful in catalog and policy files, beyond what keeps them from loading."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple, cast

from lineage_guard.catalog.documents import Document
from lineage_guard.catalog.entries import Entry, entries_of
from lineage_guard.catalog.load import Catalog, document_of, load_catalog, shipped_documents
from lineage_guard.catalog.policy_file import read_policy
from lineage_guard.catalog.taken import taken_over
from lineage_guard.domain.errors import CatalogError, PolicyError
from lineage_guard.domain.names import channel_name
from lineage_guard.domain.rules.spdx import expression_error
from lineage_guard.domain.rules.terms import Confidence, Effect, Restriction

_BARRING = frozenset(Restriction) - {Restriction.NAMING_DUTY, Restriction.LICENSE_FLOWS_DOWN}


class Problem(NamedTuple):
    """Something to mend.

    Attributes:
        where: file, line and column.
        what: what it is.
        fix: what to do.
        wrong: whether it makes answers wrong; else it makes them doubtful.
    """

    where: str
    what: str
    fix: str
    wrong: bool = True


def lint(paths: Sequence[Path], today: date) -> list[Problem]:
    """Say what is wrong or doubtful in catalog files; in the shipped ones when none are named.

    Args:
        paths: own catalog files, read over the shipped ones.
        today: dates after it are wrong.

    Example:
        >>> [p.what for p in lint([], date(2026, 12, 1)) if p.wrong]
        []
    """
    shipped = shipped_documents()
    try:
        load_catalog(*paths)
        documents = tuple(document_of(path) for path in paths) or shipped
        if not paths:
            for document in documents:
                document.check("catalog")
    except CatalogError as error:
        return [Problem(error.where or "", error.what, error.fix)]
    theirs = [e for document in shipped for e in entries_of(document)] if paths else []
    found: list[Problem] = []
    for document in documents:
        for i, (row, entry) in enumerate(zip(_rows(document, "terms"), entries_of(document), strict=True)):
            found += _entry(document, i, row, entry, theirs, today)
        for i, row in enumerate(_rows(document, "artefacts")):
            found += _artefact(document, i, row, today)
            found += _own_artefact(document, i, row) if paths else ()
        if paths:
            found += (Problem(*told, wrong=False) for told in taken_over(document, load_catalog(*paths).terms, theirs))
    everything = [e for document in (*shipped, *(documents if paths else ())) for e in entries_of(document)]
    for document in documents:
        found += _series(document, everything)
        found += _families(document, everything)
    return found


def lint_policy(source: str | Path, catalog: Catalog) -> list[Problem]:
    """Say what is wrong or doubtful in a policy and all that it imports.

    Args:
        source: name of a shipped policy, or a policy file.
        catalog: what its rules may speak of.

    Example:
        >>> lint_policy("default", load_catalog())
        []
    """
    try:
        _, doubtful = read_policy(source, catalog)
    except PolicyError as error:
        return [Problem(error.where or str(source), error.what, error.fix)]
    return [Problem(d.where, d.what, d.fix, False) for d in doubtful]


def _rows(document: Document, kind: str) -> list[Mapping[str, Any]]:
    return cast("list[Mapping[str, Any]]", document.value.get(kind, []))


def _entry(
    document: Document, i: int, row: Mapping[str, Any], entry: Entry, theirs: Sequence[Entry], today: date
) -> Iterator[Problem]:
    terms = entry.terms

    def at(key: str, what: str, fix: str, wrong: bool = True) -> Problem:
        return Problem(document.place(("terms", i, key)), f"{terms.id}: {what}", fix, wrong)

    if problem := expression_error(terms.license):
        yield at("license", problem, "use an id of the SPDX licence list, or LicenseRef-...")
    if (terms.source is None) != (terms.date_read is None):
        yield at("source", "a source and the day it was read belong together", "give both, or null for both")
    if terms.confidence is not Confidence.MEMORY and terms.source is None:
        yield at("confidence", f"{terms.confidence.value}, and nothing was read", "name the source, or say memory")
    if terms.date_read and terms.date_read > today:
        yield at("date_read", f"{terms.date_read} is to come", "give the day on which it was read")
    if terms.effective_from and entry.effective_until and terms.effective_from > entry.effective_until:
        yield at("effective_until", "it ends before it begins", "swap the days")
    barred = terms.restrictions & _BARRING
    if terms.effect_on("train_competing") is Effect.BLOCK and not barred:
        fix = "name the restriction, or organisations cannot say that it does not touch them"
        yield at("effects", "it bars training, and no restriction says why", fix, False)
    if barred and all(e is Effect.ALLOW for e in terms.effects.values()):
        yield at("restrictions", "it names restrictions, and allows everything", "mend the effects")
    if terms.restrictions - _BARRING and not terms.obligations:
        yield at("restrictions", "it has a duty that nobody can read", "write it under 'obligations'")
    if terms.confidence is Confidence.MEMORY:
        fix = "read the text, then name source and date_read"
        yield at("confidence", "nobody has read its text, so it permits nothing", fix, False)
        permits = [use for use, effect in row["effects"].items() if Effect.parse(effect) < Effect.UNKNOWN]
        if permits:
            what = f"it says more than anybody has read, and is taken as unknown for {', '.join(permits)}"
            yield at("effects", what, f"say unknown, or {fix}", False)
    for j, text in enumerate(cast("list[str]", row["channels"])):
        host = channel_name(text) or text
        if host != text.lower():
            place = document.place(("terms", i, "channels", j))
            yield Problem(place, f"{terms.id}: no channel is called {text!r}", f"write {host!r}")
    if row.get("url") is None and not entry.only_when_named:
        yield at("url", "it says not where the text can be read", "give the url", False)
    if not entry.only_when_named:
        mine = {p.text for p in entry.models}
        channels = {p.text for p in entry.channels}
        for other in theirs:
            same = mine & {p.text for p in other.models}
            versions = entry.series is not None and entry.series == other.series
            if same and channels & {p.text for p in other.channels} and not versions:
                fix = "if it is an agreement of yours, say only_when_named: true; if a newer text, the same series"
                what = f"{other.terms.id} speaks of {sorted(same)[0]} on the same channel, and both bind"
                yield at("models", what, fix, False)


def _artefact(document: Document, i: int, row: Mapping[str, Any], today: date) -> Iterator[Problem]:
    def at(key: str, what: str, fix: str, wrong: bool = True) -> Problem:
        return Problem(document.place(("artefacts", i, key)), f"{row['id']}: {what}", fix, wrong)

    if row.get("license") and (problem := expression_error(row["license"])):
        yield at("license", problem, "use an id of the SPDX licence list, or LicenseRef-...")
    if not row.get("sources") and not row.get("terms") and not row.get("root"):
        yield at("sources", "nothing says where this was read", "name the sources, or the terms that have them")
    read = row.get("date_read")
    if row["confidence"] == "memory":
        fix = "read its card, then name the sources and date_read"
        yield at("confidence", "nobody has read how it was made, so it may hold anything", fix, False)
    elif row["confidence"] != "root" and not row.get("terms") and not read:
        yield at("sources", "nothing says when they were read", "give date_read", False)
    if read and date.fromisoformat(read) > today:
        yield at("date_read", f"{read} is to come", "give the day on which it was read")
    for j, edge in enumerate(cast("list[Mapping[str, str]]", row.get("upstream", []))):
        if edge["confidence"] == "alleged":
            place = document.place(("artefacts", i, "upstream", j, "confidence"))
            what = f"{row['id']}: that it comes from {edge['from']} is alleged, which decides nothing"
            yield Problem(place, what, "find a source, or leave it as a remark", False)


def _own_artefact(document: Document, i: int, row: Mapping[str, Any]) -> Iterator[Problem]:
    if not row.get("root") and "upstream" not in row:
        what = f"{row['id']}: it does not say what it was made from, which is taken as from nothing else"
        yield Problem(document.place(("artefacts", i)), what, "name it under `upstream`, or say `upstream: []`", False)
    for j, alias in enumerate(cast("list[str]", row.get("aliases", []))):
        if "*" in alias and len(alias.replace("*", "").rpartition("/")[2]) < 3:
            what = f"{row['id']}: the alias {alias!r} fits whatever has no account of its own"
            yield Problem(document.place(("artefacts", i, "aliases", j)), what, "name what you mean")


def _families(document: Document, everything: Sequence[Entry]) -> Iterator[Problem]:
    """Families that nobody is of leave nothing open, and without a bar on other families there is nothing to leave."""
    ids = {e.terms.id for e in everything}
    for i, entry in enumerate(entries_of(document)):
        terms, place = entry.terms, document.place(("terms", i, "permitted_families"))
        for strange in (f for f in terms.permitted_families if f not in ids):
            yield Problem(place, f"{terms.id}: {strange} is the id of no terms", "name ids of terms, without patterns")
        if terms.permitted_families and Restriction.OTHER_MODEL_FAMILIES not in terms.restrictions:
            what = f"{terms.id}: it leaves families open, and bars no others"
            yield Problem(place, what, "add the restriction OTHER_MODEL_FAMILIES, or take the families out")


def _series(document: Document, everything: Sequence[Entry]) -> Iterator[Problem]:
    """Of two versions of one text that begin on one day nobody knows which is in force."""
    for i, entry in enumerate(entries_of(document)):
        if entry.series is None:
            continue
        known = {e.series for e in everything if e.series and e.series != entry.series}
        alone = not any(e.series == entry.series for e in everything if e.terms.id != entry.terms.id)
        if alone and (near := get_close_matches(entry.series, known, n=1, cutoff=0.85)):
            what = f"{entry.terms.id}: no other text is of the series {entry.series!r}"
            yield Problem(document.place(("terms", i, "series")), what, f"did you mean {near[0]!r}?", False)
        for other in everything:
            same = other.series == entry.series and other.terms.id != entry.terms.id
            if same and other.terms.effective_from == entry.terms.effective_from:
                what = f"{entry.terms.id}: it begins on the day on which {other.terms.id} of the same series begins"
                yield Problem(document.place(("terms", i, "series")), what, "give effective_from of each")
