"""What a file says of how data was made, and what it does not say.

A file lists what its author thought of. A card that names one model does not prove that there was no
other; a pipeline file does not say which parameters a run overrode. So what is read is never
COMPLETE: INCOMPLETE when the file itself shows that something is missing, else UNKNOWN, until its
user says ``completeness=COMPLETE`` in their own name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from lineage_guard.domain.declared.declaration import HUB, Declaration
from lineage_guard.domain.facts import Completeness, License, ModelSource, Version

_T = TypeVar("_T")


class Found(NamedTuple, Generic[_T]):
    """One fact and its place.

    Attributes:
        value: the fact.
        where: ``file:line``.
    """

    value: _T
    where: str


@dataclass
class Facts:
    """What one file says.

    Attributes:
        path: the file.
        format: what kind of file it is, e.g. ``"distilabel pipeline"``.
        models: models that took part.
        licenses: licences of the data or weights.
        parents: public datasets it was made from.
        gaps: what the file shows to be missing, one sentence each.
        unsaid: what a file of this kind never says, one sentence each.
    """

    path: str
    format: str
    models: list[Found[ModelSource]] = field(default_factory=list[Found[ModelSource]])
    licenses: list[Found[License]] = field(default_factory=list[Found[License]])
    parents: list[Found[Version]] = field(default_factory=list[Found[Version]])
    gaps: list[Found[str]] = field(default_factory=list[Found[str]])
    unsaid: tuple[str, ...] = ()

    @property
    def completeness(self) -> Completeness:
        """INCOMPLETE when the file shows a gap, else UNKNOWN; never COMPLETE."""
        return Completeness.INCOMPLETE if self.gaps else Completeness.UNKNOWN

    @property
    def note(self) -> str:
        """One sentence for a reader of the declaration."""
        missing = [g.value for g in self.gaps] or list(self.unsaid)
        return f"{self.origin}; it does not say all: {'; '.join(missing)}"

    @property
    def origin(self) -> str:
        """Where it was read, without the folder: a declaration is the same on every machine."""
        return f"read from {Path(self.path).name} ({self.format})"

    def parent(self, id: str, where: str) -> None:
        """Note a public dataset, by its Hugging Face id."""
        self.parents.append(Found(Version(HUB, id), where))

    def declaration(
        self, more: Iterable[ModelSource] = (), completeness: Completeness | None = None, artefact: str | None = None
    ) -> Declaration:
        """The facts as a declaration.

        Args:
            more: models that its user knows to have taken part besides.
            completeness: what its user answers for; what the file shows when ``None``.
            artefact: public id of the dataset or model the file belongs to.
        """
        complete = completeness or self.completeness
        said = complete is Completeness.COMPLETE
        return Declaration(
            models=tuple(dict.fromkeys((*(m.value for m in self.models), *more))),
            licenses=tuple(dict.fromkeys(x.value for x in self.licenses)),
            completeness=complete,
            artefact=artefact,
            note=f"{self.origin}, and declared to be all" if said else self.note,
            parents=tuple(dict.fromkeys(p.value.name for p in self.parents)),
        )
