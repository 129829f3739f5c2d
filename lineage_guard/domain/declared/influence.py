"""Influence of inputs: what column lineage says of content and of choice. Pure.

Dagster's ``TableColumnLineage`` names, for each column of a table, the upstream columns it was made
from. It has no word for an input that only filtered or ranked, so an input that it does not name is
one of two things: it put nothing into any column, or whoever wrote the lineage left it out. Tools
leave out what they cannot resolve (dagster-dbt drops, without a word, a column's source that is not
among the model's own ``depends_on`` relations, and describes computed columns with no source). The
two can be told apart only by somebody who knows. So:

- An input that any column is made from is DIRECT, whatever else is declared.
- An input that no column is made from is INDIRECT when the author declares that the lineage is whole
  (``declare(column_lineage=Completeness.COMPLETE)``) and nothing at hand speaks against it.
- Anything less is DIRECT, with a note on what is missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from lineage_guard.domain.facts import Completeness, Influence


@dataclass(frozen=True)
class ColumnsSaid:
    """What a materialisation says of its columns.

    Attributes:
        columns: names of the table's columns, as recorded with it; empty when they are not.
        sources: by column, (dataset name, column) of what it was made from; empty when not recorded.
        completeness: COMPLETE when its author declares that ``sources`` names all there were.
        doubt: why the rest of the record is no ground to rely on it; ``None`` when it is.
    """

    columns: Sequence[str] = ()
    sources: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict[str, Sequence[tuple[str, str]]])
    completeness: Completeness = Completeness.UNKNOWN
    doubt: str | None = None

    @property
    def named(self) -> frozenset[str]:
        """Datasets that some column was made from."""
        return frozenset(name for deps in self.sources.values() for name, _ in deps)


class Influences(NamedTuple):
    """How each input took part.

    Attributes:
        of: influence by name of the input.
        notes: what a reader should know, one sentence each.
    """

    of: Mapping[str, Influence]
    notes: tuple[str, ...] = ()


def influences(own: str, inputs: Collection[str], said: ColumnsSaid, indirect: Collection[str] = ()) -> Influences:
    """Say of each input of a table whether content came from it, or only a choice.

    Args:
        own: name of the table. What it held before is content whatever is said of it.
        inputs: names of what was read.
        said: what its materialisation says of its columns.
        indirect: inputs that its author declares to have only chosen.

    Example:
        >>> lineage = {"text": [("raw", "body")]}
        >>> whole = ColumnsSaid(["text"], lineage, Completeness.COMPLETE)
        >>> influences("ranked", ["raw", "scores"], whole).of["scores"].value
        'INDIRECT'
        >>> part = ColumnsSaid(["text", "answer"], lineage, Completeness.COMPLETE)
        >>> influences("ranked", ["raw", "scores"], part).of["scores"].value
        'DIRECT'
    """
    names = dict.fromkeys(inputs)
    of = {n: Influence.INDIRECT if n in indirect and n != own else Influence.DIRECT for n in names}
    notes: list[str] = []
    for name in sorted(said.named & {n for n, i in of.items() if i is Influence.INDIRECT}):
        of[name] = Influence.DIRECT
        notes.append(f"{name} is declared to have only chosen, but a column is made from it: it counts as content")
    if said.completeness is Completeness.COMPLETE:
        missing = said.doubt or gap(own, names, said)
        if missing:
            notes.append(f"its column lineage is declared complete, but {missing}: all inputs count as content")
        else:
            of |= dict.fromkeys(names.keys() - said.named - {own}, Influence.INDIRECT)
    return Influences(of, tuple(notes))


def gap(own: str, inputs: Collection[str], said: ColumnsSaid) -> str | None:
    """What keeps column lineage from being whole, in words; ``None`` when nothing does.

    Args:
        own: name of the table.
        inputs: names of what was read.
        said: what its materialisation says of its columns.

    Example:
        >>> gap("t", ["raw"], ColumnsSaid(["a"], {"a": []}))
        "it names no source of column 'a'"
    """
    if not said.columns:
        return "the columns of the table are not recorded with it (dagster/column_schema)"
    if not said.sources:
        return "none is recorded with it (dagster/column_lineage)"
    twice = [c for c, n in Counter(said.columns).items() if n > 1]
    if twice:
        return f"two columns of the table are called {twice[0]!r}"
    for column in said.columns:
        if column not in said.sources:
            return f"it does not describe column {column!r}"
    for column, deps in said.sources.items():
        if column not in said.columns:
            return f"it describes column {column!r}, which the table does not have"
        if not deps:
            return f"it names no source of column {column!r}"
    strange = sorted(said.named - set(inputs) - {own})
    return f"it names {strange[0]} as a source, which was not seen to be read" if strange else None
