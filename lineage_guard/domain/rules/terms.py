"""Terms: what a model's owner allows to be done with its output.

The facts live in ``lineage_guard.catalog``; these are their shapes, and the one question
the rest of the code asks of them (``TermsSource.resolve``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import IntEnum, StrEnum
from typing import Protocol

from lineage_guard.domain.facts import ModelSource


class Effect(IntEnum):
    """What follows for one use, from loosest to strictest; comparisons follow that order."""

    ALLOW = 0
    WARN = 1
    UNKNOWN = 2
    BLOCK = 3

    @classmethod
    def parse(cls, text: str) -> Effect:
        """Read ``"allow"``, ``"warn"``, ``"unknown"`` or ``"block"``.

        Raises:
            ValueError: for any other word.
        """
        try:
            return cls[text.upper()]
        except KeyError:
            choices = ", ".join(e.name.lower() for e in cls)
            raise ValueError(f"unknown effect {text!r}: expected one of {choices}") from None


TRAIN_COMPETING = "train_competing"
TRAIN_INTERNAL_GENERATIVE = "train_internal_generative"
TRAIN_INTERNAL_CLASSIFIER = "train_internal_classifier"
EVALUATE = "evaluate"
RAG_OR_INFERENCE_CONTEXT = "rag_or_inference_context"

#: The uses every shipped terms entry answers for; organisations may add their own names.
USES: tuple[str, ...] = (
    TRAIN_COMPETING,
    TRAIN_INTERNAL_GENERATIVE,
    TRAIN_INTERNAL_CLASSIFIER,
    EVALUATE,
    RAG_OR_INFERENCE_CONTEXT,
)


def is_training(use: str) -> bool:
    """Whether a use makes a model learn from the data. A name nobody knows counts as training."""
    return use not in (EVALUATE, RAG_OR_INFERENCE_CONTEXT)


class Restriction(StrEnum):
    """The shapes restrictions come in. They are not a flag: each catches other uses."""

    COMPETING_MODELS = "COMPETING_MODELS"
    ANY_MODEL = "ANY_MODEL"
    OTHER_MODEL_FAMILIES = "OTHER_MODEL_FAMILIES"
    NON_COMMERCIAL_OUTPUT = "NON_COMMERCIAL_OUTPUT"
    PURPOSE_AT_GENERATION = "PURPOSE_AT_GENERATION"
    NAMING_DUTY = "NAMING_DUTY"
    LICENSE_FLOWS_DOWN = "LICENSE_FLOWS_DOWN"


class Confidence(StrEnum):
    """How well a catalog fact was checked."""

    VERIFIED = "verified"
    SECONDARY = "secondary"
    MEMORY = "memory"


class Above(StrEnum):
    """What follows for whoever is above a limit.

    Attributes:
        LICENSE: the terms give no permission any more; a separate licence must be asked for or bought.
        DUTY: a duty, e.g. to show the name of the model.
    """

    LICENSE = "license"
    DUTY = "duty"


@dataclass(frozen=True, slots=True)
class Limits:
    """Up to where terms hold as they stand.

    Attributes:
        monthly_users: monthly active users of all products of the licensee.
        annual_revenue_usd: annual revenue in US dollars.
        regions_excluded: regions the licence is not offered in; for a reader.
        above: what follows above the first two.
    """

    monthly_users: int | None = None
    annual_revenue_usd: int | None = None
    regions_excluded: tuple[str, ...] = ()
    above: Above = Above.LICENSE


@dataclass(frozen=True)
class Terms:
    """One catalog entry: the terms that govern some models on some channels from some date.

    Attributes:
        id: stable catalog id, e.g. ``"openai-api"``.
        provider: display name of the owner or reseller.
        kind: ``hosted_service``, ``reseller``, ``open_weights`` or ``derivative``.
        license: SPDX expression or ``LicenseRef-``.
        effects: what follows for each use.
        restrictions: shapes found in the text.
        obligations: duties in plain words.
        summary: a paraphrase of the clause in one or two sentences.
        url: where the owner publishes the text.
        effective_from: first day it applies; ``None`` when the owner gives none.
        terms_version: the owner's own date or version label.
        confidence: how well the fact was checked.
        date_read: day the source was read.
        source: what was read.
        limits: for organisations of what size they hold. Not part of a recorded verdict, whose message
            says what a limit decided, so two terms that differ in it alone are equal.
        permitted_families: of a bar on other model families, ids of the terms of those that it leaves open. A student
            is of such a family when each of its base models is under one of them. Not part of a recorded
            verdict either.
    """

    id: str
    provider: str
    kind: str
    license: str
    effects: Mapping[str, Effect]
    restrictions: frozenset[Restriction] = frozenset()
    obligations: tuple[str, ...] = ()
    summary: str = ""
    url: str | None = None
    effective_from: date | None = None
    terms_version: str | None = None
    confidence: Confidence = Confidence.MEMORY
    date_read: date | None = None
    source: str | None = None
    limits: Limits | None = field(default=None, compare=False)
    permitted_families: tuple[str, ...] = field(default=(), compare=False)

    def effect_on(self, use: str) -> Effect:
        """The effect on a use; UNKNOWN when the entry does not speak of it."""
        return self.effects.get(use, Effect.UNKNOWN)


class Unresolved(StrEnum):
    """Why no terms could be found for a model."""

    UNKNOWN_MODEL = "UNKNOWN_MODEL"
    UNKNOWN_CHANNEL = "UNKNOWN_CHANNEL"
    UNKNOWN_TERMS = "UNKNOWN_TERMS"


@dataclass(frozen=True)
class Resolution:
    """The terms that bind one model source, every layer of them.

    Attributes:
        layers: the model owner's terms and, behind a reseller, the reseller's too. Each
            binds; the strictest decides.
        unresolved: why a layer is missing; ``None`` when all are known.
        how: how the match was made, for explanation, e.g. ``"gpt-4o* on api.openai.com"``.
        bases: what of this is said of each model that the author names as one these weights were made from
            (``ModelSource.base_models``); rules speak of those by their own names.
        own: what is said of the model itself; ``None`` where that is all.
    """

    layers: tuple[Terms, ...] = ()
    unresolved: Unresolved | None = None
    how: str = ""
    bases: tuple[tuple[str, Resolution], ...] = ()
    own: Resolution | None = None


class TermsSource(Protocol):
    """Anything that can name the terms of a model on a day. Implemented by the catalog."""

    @property
    def digest(self) -> str:
        """``sha256:`` over all facts that can change an answer."""
        ...

    @property
    def turns(self) -> Sequence[date]:
        """The days on which other texts may begin to bind than the day before, ascending."""
        ...

    def resolve(self, model: ModelSource, on: date | None) -> Resolution:
        """Find every layer of terms for ``model`` generated ``on`` that day (``None``: unknown)."""
        ...


@dataclass(frozen=True)
class FixedTerms:
    """A terms source over a plain mapping from model id to layers; for tests and examples.

    Example:
        >>> FixedTerms({}).resolve(ModelSource("x", "y"), None).unresolved.value
        'UNKNOWN_MODEL'
    """

    by_model: Mapping[str, tuple[Terms, ...]] = field(default_factory=dict[str, tuple[Terms, ...]])
    digest: str = "sha256:fixed"
    turns: Sequence[date] = ()

    def resolve(self, model: ModelSource, on: date | None) -> Resolution:
        """Look the model id up as it stands."""
        layers = self.by_model.get(model.model)
        if layers is None:
            return Resolution(unresolved=Unresolved.UNKNOWN_MODEL, how="no entry")
        return Resolution(layers=layers, how="exact id")
