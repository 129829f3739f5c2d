"""Facts: which version of which dataset was produced from what, by which models.

Identity of data is a *version*, never "the dataset": one name may have been written by
GPT-4o on Monday and by Qwen on Tuesday, and a table built on Monday still holds GPT-4o's
text.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple


class Usage(StrEnum):
    """What a model did to the data it touched.

    ``BASE_MODEL`` is said of a step that trains: its weights are where training begins, as in a fine-tune.
    """

    GENERATION = "GENERATION"
    REWRITE = "REWRITE"
    TRANSLATION = "TRANSLATION"
    ANNOTATION = "ANNOTATION"
    FILTER = "FILTER"
    SCORING = "SCORING"
    EMBEDDING = "EMBEDDING"
    BASE_MODEL = "BASE_MODEL"

    @property
    def default_influence(self) -> Influence:
        """INDIRECT when the model's own words cannot be in the result, else DIRECT.

        Filtering and scoring choose among rows that somebody else wrote; every other
        usage puts something the model made into the data.
        """
        return Influence.INDIRECT if self in (Usage.FILTER, Usage.SCORING) else Influence.DIRECT


class Influence(StrEnum):
    """Whether content came through (DIRECT) or only a choice did (INDIRECT)."""

    DIRECT = "DIRECT"
    INDIRECT = "INDIRECT"


class Assertion(StrEnum):
    """Who says so: the author, an observation of the running code, or a conclusion of ours."""

    DECLARED = "DECLARED"
    OBSERVED = "OBSERVED"
    INFERRED = "INFERRED"


class Completeness(StrEnum):
    """Whether the listed inputs and models are all there were.

    Attributes:
        COMPLETE: they are all.
        INCOMPLETE: they are not, or nobody who could say so does; no other record heals that.
        UNKNOWN: whoever wrote this record does not know. It blocks like INCOMPLETE, until a
            record of somebody who does know joins it (``union``), or until the catalog knows
            the artefact that the record names (``closure.extend``).
    """

    COMPLETE = "COMPLETE"
    INCOMPLETE = "INCOMPLETE"
    UNKNOWN = "UNKNOWN"


class Pin(StrEnum):
    """Whether the version read is known exactly, or is one of those that may have been read."""

    EXACT = "EXACT"
    CONSERVATIVE = "CONSERVATIVE"


class Version(NamedTuple):
    """One version of one dataset (or of one model: a trained model is data too).

    Attributes:
        namespace: OpenLineage dataset namespace, e.g. ``"default"`` or ``"huggingface"``.
        name: OpenLineage dataset name, e.g. ``"curation/instructions"``.
        partition: Dagster partition key; ``None`` for an unpartitioned dataset.
        run: UUID of the producing asset run; ``None`` when nothing we know of produced it
            (an external source).

    Example:
        >>> str(Version("default", "synthetic/de", "2026-11-01", None))
        'default:synthetic/de[2026-11-01]'
    """

    namespace: str
    name: str
    partition: str | None = None
    run: str | None = None

    def __str__(self) -> str:
        partition = f"[{self.partition}]" if self.partition is not None else ""
        # A UUIDv7 begins with the time, which all assets of one orchestrator run share.
        run = f"@{self.run[-8:]}" if self.run else ""
        return f"{self.namespace}:{self.name}{partition}{run}"


class Acknowledgement(StrEnum):
    """SPDX 3's two licence relations: what the supplier says, and what a reader concluded."""

    DECLARED = "DECLARED"
    CONCLUDED = "CONCLUDED"


class LicenseScope(StrEnum):
    """What a licence applies to."""

    DATA = "DATA"
    MODEL = "MODEL"
    MODEL_OUTPUT = "MODEL_OUTPUT"
    SERVICE_TERMS = "SERVICE_TERMS"


@dataclass(frozen=True, slots=True)
class License:
    """A licence or a service's terms as attached to data or to a model.

    Attributes:
        expression: SPDX expression; texts outside the SPDX list are ``LicenseRef-...``.
        acknowledgement: declared by the supplier, or concluded by a reader.
        applies_to: data, model, model output or service terms.
        url: where the text can be read.
        terms_version: the owner's own version label of the text.
        effective_from: ISO date from which the text applies.
        text_digest: ``sha256:...`` of the text that was read.
        restrictions: names of ``terms.Restriction`` shapes.
        obligations: duties in plain words, e.g. a naming duty.
    """

    expression: str
    acknowledgement: Acknowledgement = Acknowledgement.DECLARED
    applies_to: LicenseScope = LicenseScope.DATA
    url: str | None = None
    terms_version: str | None = None
    effective_from: str | None = None
    text_digest: str | None = None
    restrictions: tuple[str, ...] = ()
    obligations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A model that took part in making data: who offers it, which one, and how it was reached.

    The key to its terms is (model, channel, generation date): the same weights carry other
    duties through an API, a reseller or a self-host.

    Attributes:
        provider: who offers the model, e.g. ``"openai"``.
        model: the id the provider answers to, e.g. ``"gpt-4o-2024-08-06"``.
        version: revision or snapshot, e.g. a commit of the weights.
        channel: host or route the answers came through, e.g. ``"api.openai.com"``,
            ``"openrouter.ai"`` or ``"self-hosted"``. ``None`` means the author did not say.
        usage: what the model did.
        influence: DIRECT or INDIRECT; follows from ``usage`` when ``None``.
        license: SPDX expression the author claims for the output or the weights.
        terms: id of a catalog entry the author names outright, e.g. a negotiated agreement.
        purl: package URL of the weights.
        digest: ``sha256:...`` of the weights.
        base_models: ids of models these weights were made from.
        fields: columns of the data the model wrote; empty means all of them.
        partitions: partitions it wrote; empty means all of them.
        record_count: rows it wrote, when known.
        generated_at: when it answered; the producing run's time is used when ``None``.
        asserted_by: who says that it took part: the author, or an observation of the running code,
            which is INFERRED where it stands in for a declaration that nobody made.

    Example:
        >>> ModelSource(provider="openai", model="gpt-4o", channel="api.openai.com").direct
        True
    """

    provider: str
    model: str
    version: str | None = None
    channel: str | None = None
    usage: Usage = Usage.GENERATION
    influence: Influence | None = None
    license: str | None = None
    terms: str | None = None
    purl: str | None = None
    digest: str | None = None
    base_models: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    partitions: tuple[str, ...] = ()
    record_count: int | None = None
    generated_at: datetime | None = None
    asserted_by: Assertion = Assertion.DECLARED

    @property
    def effective_influence(self) -> Influence:
        """The stated influence, or the one that follows from the usage."""
        return self.influence or self.usage.default_influence

    @property
    def direct(self) -> bool:
        """Whether the model's own content may be in the data."""
        return self.effective_influence is Influence.DIRECT

    def wrote(self, partition: str | None) -> bool:
        """Whether it took part in a partition.

        In data without partitions it did, whatever ``partitions`` says; of a partition with
        several dimensions (``"2026-11-01|de"``) naming one is enough.

        Example:
            >>> german = ModelSource("openai", "gpt-4o", partitions=("de",))
            >>> german.wrote("de"), german.wrote("2026-11-01|de"), german.wrote(None), german.wrote("fr")
            (True, True, True, False)
        """
        if not self.partitions or partition is None or partition in self.partitions:
            return True
        return any(dimension in self.partitions for dimension in partition.split("|"))

    def __str__(self) -> str:
        via = f" via {self.channel}" if self.channel else ""
        return f"{self.provider}/{self.model}{via}"


class Input(NamedTuple):
    """One version read by a production, and how surely."""

    version: Version
    influence: Influence = Influence.DIRECT
    pin: Pin = Pin.EXACT


@dataclass(frozen=True, slots=True)
class Production:
    """One run that wrote dataset versions, with all it read and every model it used.

    Attributes:
        outputs: the versions written.
        inputs: the versions read, pinned.
        models: the models used.
        produced_at: when the outputs were complete (timezone-aware UTC); ``None`` for an
            external source whose date nobody knows.
        asserted_by: who says so.
        completeness: COMPLETE only when inputs and models are known to be all there were.
        licenses: licences of the outputs themselves, never inherited ones.
        artefact: public id of a known dataset or model, e.g. ``"HuggingFaceTB/smoltalk"``,
            under which the catalog may know further ancestors.
        note: one sentence for a reader, e.g. why the production is INCOMPLETE.
    """

    outputs: tuple[Version, ...]
    inputs: tuple[Input, ...] = ()
    models: tuple[ModelSource, ...] = ()
    produced_at: datetime | None = None
    asserted_by: Assertion = Assertion.DECLARED
    completeness: Completeness = Completeness.COMPLETE
    licenses: tuple[License, ...] = ()
    artefact: str | None = None
    note: str | None = None


_WEAKEST_CLAIM_FIRST = (Assertion.INFERRED, Assertion.DECLARED, Assertion.OBSERVED)


def union(productions: Iterable[Production]) -> Production:
    """Join what several records say of one version, keeping every ancestor any of them names.

    Two records of one version can differ (a collector saw part of it, a foreign producer
    sent an update). Losing an edge would be a false ALLOW, so nothing is dropped: inputs,
    models and licences are joined.

    Ignorance gives way to knowledge: COMPLETE outdoes UNKNOWN, and nothing outdoes INCOMPLETE.
    An UNKNOWN record that names a public artefact is no ignorance. It says "it is that one,
    ask the catalog", so it stays UNKNOWN until the catalog answers. Records that name different
    artefacts contradict each other, which is INCOMPLETE.

    Args:
        productions: at least one record.

    Raises:
        ValueError: when there is no record.

    Example:
        >>> a = Production((Version("d", "t"),), inputs=(Input(Version("d", "x")),))
        >>> b = Production((Version("d", "t"),), inputs=(Input(Version("d", "y")),))
        >>> [i.version.name for i in union([a, b]).inputs]
        ['x', 'y']
    """
    items = list(productions)
    if not items:
        raise ValueError("union() needs at least one production")
    if len(items) == 1:
        return items[0]
    dates = [p.produced_at for p in items if p.produced_at is not None]
    artefacts = dict.fromkeys(p.artefact for p in items if p.artefact)
    notes = [p.note for p in items if p.note]
    if len(artefacts) > 1:
        notes.append(f"its records name different artefacts: {', '.join(artefacts)}")
    return Production(
        outputs=tuple(dict.fromkeys(v for p in items for v in p.outputs)),
        inputs=tuple(dict.fromkeys(i for p in items for i in p.inputs)),
        models=tuple(dict.fromkeys(m for p in items for m in p.models)),
        produced_at=max(dates, key=_in_utc) if dates else None,
        asserted_by=min((p.asserted_by for p in items), key=_WEAKEST_CLAIM_FIRST.index),
        completeness=Completeness.INCOMPLETE if len(artefacts) > 1 else _joined(items),
        licenses=tuple(dict.fromkeys(x for p in items for x in p.licenses)),
        artefact=next(iter(artefacts), None),
        note="; ".join(dict.fromkeys(notes)) or None,
    )


def _in_utc(when: datetime) -> datetime:
    """A time to compare with others: one without a zone is taken as UTC."""
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _joined(items: Iterable[Production]) -> Completeness:
    said = {(p.completeness, p.completeness is Completeness.UNKNOWN and p.artefact is not None) for p in items}
    if (Completeness.INCOMPLETE, False) in said:
        return Completeness.INCOMPLETE
    if (Completeness.UNKNOWN, True) in said or (Completeness.COMPLETE, False) not in said:
        return Completeness.UNKNOWN
    return Completeness.COMPLETE
