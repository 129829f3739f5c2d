"""What a step was seen to use: the models that answered and the model hosts that were contacted. Pure.

Imported by every step of a guarded code location, so it imports little.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import NamedTuple, cast

from lineage_guard.domain.errors import DeclarationError
from lineage_guard.domain.facts import Usage
from lineage_guard.domain.names import SELF_HOSTED, channel_name

#: Version of the JSON that ``Observation.to_json`` writes.
FORMAT = 1
#: Model id of whatever answered where nothing said which model it was.
ANY = "*"


class Via(StrEnum):
    """How a model was noticed."""

    HTTP = "http"
    SPAN = "span"
    RESPONSE = "response"
    WEIGHTS = "weights"


@dataclass(frozen=True, slots=True)
class ObservedModel:
    """A model that answered, or whose weights were loaded, while a step ran.

    Attributes:
        model: id of the model that answered; ``ANY`` when nothing said which.
        provider: who answered, as the catalog or the response names it; the host otherwise.
        requested: id that was asked for, where it is known.
        host: host of the endpoint; ``None`` for weights that ran in the step itself, or when nothing says.
        version: revision of the weights.
        digest: ``sha256:...`` of the weights.
        usage: what it can have done, where its kind tells.
        calls: how many answers, or loads.
        response_ids: ids of some of the answers; never more than a few.
        via: how it was noticed.
    """

    model: str
    provider: str
    requested: str | None = None
    host: str | None = None
    version: str | None = None
    digest: str | None = None
    usage: Usage | None = None
    calls: int = 1
    response_ids: tuple[str, ...] = ()
    via: tuple[Via, ...] = ()

    @property
    def channel(self) -> str | None:
        """The channel its answers came through: the host, ``self-hosted``, or ``None`` when nothing says."""
        return SELF_HOSTED if self.host is None and Via.WEIGHTS in self.via else channel_name(self.host)


class Contact(NamedTuple):
    """A host of a known model service that was reached, and that no recorded answer explains.

    Attributes:
        host: the host.
        provider: who runs it.
        times: how often it was looked up or connected to.
    """

    host: str
    provider: str
    times: int = 1


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything noticed while one step ran. Holds no prompt, no response and no key.

    Attributes:
        models: models that answered or were loaded.
        contacts: model services that were reached without a recorded answer.
        partitions: partitions the step wrote; empty when it has none, or too many to list.
        subprocesses: how many processes it started, into which nobody looked.

    Example:
        >>> seen = Observation((ObservedModel("gpt-4o-2024-08-06", "openai", host="api.openai.com"),))
        >>> Observation.from_json(seen.to_json()) == seen
        True
    """

    models: tuple[ObservedModel, ...] = ()
    contacts: tuple[Contact, ...] = ()
    partitions: tuple[str, ...] = ()
    subprocesses: int = 0

    def __bool__(self) -> bool:
        """Whether anything was noticed that bears on where the data comes from."""
        return bool(self.models or self.contacts)

    def joined(self, others: Iterable[Observation]) -> Observation:
        """What was noticed here and in other steps that made the same data."""
        found = [*others, self]
        return Observation(
            tuple(dict.fromkeys(m for o in found for m in o.models)),
            tuple(dict.fromkeys(c for o in found for c in o.contacts)),
            tuple(dict.fromkeys(p for o in found for p in o.partitions)),
            sum(o.subprocesses for o in found),
        )

    def to_json(self) -> dict[str, object]:
        """A JSON-able mapping without what says nothing."""
        models = [{k: v for k, v in asdict(m).items() if v not in (None, ())} for m in self.models]
        parts = {
            "models": models,
            "contacts": [c._asdict() for c in self.contacts],
            "partitions": list(self.partitions),
            "subprocesses": self.subprocesses,
        }
        return {"format": FORMAT, **{k: v for k, v in parts.items() if v}}

    @classmethod
    def from_json(cls, data: object, where: str | None = None) -> Observation:
        """Read what ``to_json`` wrote.

        Args:
            data: the mapping.
            where: the asset it was found on, for the error.

        Raises:
            DeclarationError: when it cannot be understood; it is never read as "nothing seen".
        """
        try:
            values = dict(cast("Mapping[str, object]", data))
            if isinstance(failed := values.get("error"), str):
                raise DeclarationError(
                    f"the step could not be observed: {failed}",
                    where=where,
                    fix="see the step's log, mend it, and materialise the asset again",
                )
            if values.pop("format", None) != FORMAT:
                raise ValueError(f"only format {FORMAT} is understood")
            return cls(
                models=tuple(_model(m) for m in _rows(values.get("models"))),
                contacts=tuple(_contact(c) for c in _rows(values.get("contacts"))),
                partitions=tuple(str(p) for p in cast("Sequence[object]", values.get("partitions", ()))),
                subprocesses=int(cast("int", values.get("subprocesses", 0))),
            )
        except (TypeError, ValueError, KeyError) as error:
            raise DeclarationError(
                f"this is not an observation: {error}",
                where=where,
                fix="leave the metadata lineage_guard/observed to the guard, and materialise the asset again",
            ) from error


def _rows(value: object) -> list[Mapping[str, object]]:
    return [dict(cast("Mapping[str, object]", row)) for row in cast("Sequence[object]", value or ())]


def _contact(row: Mapping[str, object]) -> Contact:
    return Contact(str(row["host"]), str(row["provider"]), int(cast("int", row["times"])))


def _model(row: Mapping[str, object]) -> ObservedModel:
    data = dict(row)
    if "usage" in data:
        data["usage"] = Usage(str(data["usage"]))
    data["via"] = tuple(Via(str(v)) for v in cast("Sequence[object]", data.get("via", ())))
    data["response_ids"] = tuple(str(r) for r in cast("Sequence[object]", data.get("response_ids", ())))
    return ObservedModel(**data)  # type: ignore[arg-type]
