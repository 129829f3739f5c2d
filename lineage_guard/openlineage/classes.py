"""Our facets as classes of openlineage-python, for jobs that Lineage Guard does not collect.

A Spark or Airflow job that emits its own events can say which models made its output:
``facets={"lineageGuard_modelSource": LineageGuardModelSourceDatasetFacet.of([...])}``.

Each class carries ``@attr.define``: without it a facet class keeps its name and loses every
field, silently. Importing this imports ``openlineage.client``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attr
from openlineage.client.event_v2 import PRODUCER as _CLIENT_PRODUCER
from openlineage.client.facet_v2 import DatasetFacet, InputDatasetFacet, OutputDatasetFacet, RunFacet

from lineage_guard.domain.facts import Assertion, Completeness, License, ModelSource
from lineage_guard.openlineage.codec import license_json, model_json
from lineage_guard.openlineage.facets import DECISION, LICENSE, MODEL_SOURCE, PINS, SCHEMA_URLS, SOURCE, VERSIONS, Json


@attr.define
class LineageGuardModelSourceDatasetFacet(DatasetFacet):
    """Which models made this version of the dataset."""

    models: list[Json]
    completeness: str
    assertedBy: str
    producedAt: str | None = None
    artefact: str | None = None
    note: str | None = None

    @classmethod
    def of(
        cls,
        models: Iterable[ModelSource],
        *,
        completeness: Completeness = Completeness.COMPLETE,
        asserted_by: Assertion = Assertion.DECLARED,
        producer: str = _CLIENT_PRODUCER,
    ) -> LineageGuardModelSourceDatasetFacet:
        """The facet for these models.

        Args:
            models: every model that took part; none says that no model did.
            completeness: COMPLETE only when the models, and the event's inputs, are all.
            asserted_by: who says so.
            producer: producer URI.

        Example:
            >>> LineageGuardModelSourceDatasetFacet.of([ModelSource("openai", "gpt-4o")]).models[0]["name"]
            'gpt-4o'
        """
        make: Any = cls  # type checkers do not know the alias of attrs' private ``_producer``
        return make(
            models=[model_json(m) for m in models],
            completeness=completeness.value,
            assertedBy=asserted_by.value,
            producer=producer,
        )

    @staticmethod
    def _get_schema() -> str:
        return SCHEMA_URLS[MODEL_SOURCE]


@attr.define
class LineageGuardLicenseDatasetFacet(DatasetFacet):
    """Licences of the dataset itself, never those of its ancestors."""

    licenses: list[Json]

    @classmethod
    def of(cls, licenses: Iterable[License], *, producer: str = _CLIENT_PRODUCER) -> LineageGuardLicenseDatasetFacet:
        """The facet for these licences.

        Example:
            >>> LineageGuardLicenseDatasetFacet.of([License("CC-BY-4.0")]).licenses[0]["expression"]
            'CC-BY-4.0'
        """
        make: Any = cls
        return make(licenses=[license_json(x) for x in licenses], producer=producer)

    @staticmethod
    def _get_schema() -> str:
        return SCHEMA_URLS[LICENSE]


@attr.define
class LineageGuardPinsInputDatasetFacet(InputDatasetFacet):
    """Exactly which versions of an input were read."""

    pins: list[Json]

    @staticmethod
    def _get_schema() -> str:
        return SCHEMA_URLS[PINS]


@attr.define
class LineageGuardVersionsOutputDatasetFacet(OutputDatasetFacet):
    """Exactly which versions of an output were written."""

    versions: list[Json]

    @staticmethod
    def _get_schema() -> str:
        return SCHEMA_URLS[VERSIONS]


@attr.define
class LineageGuardSourceRunFacet(RunFacet):
    """Where the record of a run came from."""

    source: str | None = None
    position: int | None = None
    orchestratorRunId: str | None = None
    codeVersion: str | None = None

    @staticmethod
    def _get_schema() -> str:
        return SCHEMA_URLS[SOURCE]


@attr.define
class LineageGuardDecisionRunFacet(RunFacet):
    """The verdict on a run; ``verdicts.decision_facet`` fills it in, ``verdicts.verdict_of`` reads it."""

    decision: str
    stops: bool
    enforced: bool
    target: Json
    use: str
    policy: Json
    evaluatedAt: str
    watermark: str
    closureSize: int
    closureDigest: str
    mode: str | None = None
    durationMs: float | None = None
    findings: list[Json] = attr.field(factory=list[Any])
    obligations: list[str] = attr.field(factory=list[str])
    waivers: list[str] = attr.field(factory=list[str])
    cures: list[str] = attr.field(factory=list[str])
    asset: Json | None = None

    @staticmethod
    def _get_schema() -> str:
        return SCHEMA_URLS[DECISION]
