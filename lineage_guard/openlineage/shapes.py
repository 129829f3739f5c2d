"""The parts of an event that are read, as msgspec types: what has these shapes is read in C.

A shape is narrower than what ``decode`` accepts, never wider: whatever a shape lets through,
``decode`` reads the same way. Keys that no shape names are passed over there too.
"""

from __future__ import annotations

from msgspec import Raw, Struct, field

from lineage_guard.domain.facts import (
    Acknowledgement,
    Assertion,
    Completeness,
    Influence,
    LicenseScope,
    Pin,
    Usage,
)

#: A number; whether it is a whole one is for the reader to check, because 1.0 passes for an int in C.
Number = int | float


class Shape(Struct, frozen=True, gc=False):
    """What all shapes are: read once, never part of a cycle."""


class Name(Shape, frozen=True, gc=False):
    """A dataset, a symlink's identifier, a job."""

    namespace: str
    name: str


class PinShape(Shape, frozen=True, gc=False):
    """An entry of ``lineageGuard_pins``."""

    position: Number
    pin: Pin
    partition: str | None = None
    run: str | None = None
    influence: Influence | None = None


class Pins(Shape, frozen=True, gc=False):
    """``lineageGuard_pins``."""

    pins: list[PinShape] | None = None


class VersionShape(Shape, frozen=True, gc=False):
    """An entry of ``lineageGuard_versions``."""

    position: Number
    partition: str | None = None
    run: str | None = None


class Versions(Shape, frozen=True, gc=False):
    """``lineageGuard_versions``."""

    versions: list[VersionShape] | None = None


class ModelShape(Shape, frozen=True, gc=False, rename="camel"):
    """An entry of ``lineageGuard_modelSource.models``."""

    supplier: str
    name: str
    version: str | None = None
    channel: str | None = None
    usage: Usage | None = None
    influence: Influence | None = None
    license: str | None = None
    terms: str | None = None
    purl: str | None = None
    digest: str | None = None
    base_models: list[str] | None = None
    fields: list[str] | None = None
    partitions: list[str] | None = None
    record_count: Number | None = None
    generated_at: str | None = None
    asserted_by: Assertion | None = None


class ModelSourceShape(Shape, frozen=True, gc=False, rename="camel"):
    """``lineageGuard_modelSource``."""

    models: list[ModelShape] | None = None
    completeness: Completeness | None = None
    asserted_by: Assertion | None = None
    produced_at: str | None = None
    artefact: str | None = None
    note: str | None = None


class LicenseShape(Shape, frozen=True, gc=False, rename="camel"):
    """An entry of ``lineageGuard_license.licenses``."""

    expression: str
    acknowledgement: Acknowledgement | None = None
    applies_to: LicenseScope | None = None
    url: str | None = None
    terms_version: str | None = None
    effective_from: str | None = None
    text_digest: str | None = None
    restrictions: list[str] | None = None
    obligations: list[str] | None = None


class Licenses(Shape, frozen=True, gc=False):
    """``lineageGuard_license``."""

    licenses: list[LicenseShape] | None = None


class DatasetType(Shape, frozen=True, gc=False, rename="camel"):
    """``datasetType``."""

    dataset_type: str | None = None


class Lifecycle(Shape, frozen=True, gc=False, rename="camel"):
    """``lifecycleStateChange``."""

    lifecycle_state_change: str | None = None


class Symlinks(Shape, frozen=True, gc=False):
    """``symlinks``."""

    identifiers: list[Name] | None = None


class Transformation(Shape, frozen=True, gc=False):
    """How a column got into another; only its kind is read."""

    type: str = ""


class Column(Name, frozen=True, gc=False):
    """A column that another was made from."""

    transformations: list[Transformation] | None = None
    type: str | None = None


class ColumnEntry(Shape, frozen=True, gc=False, rename="camel"):
    """What one column was made from."""

    input_fields: list[Column] | None = None


class ColumnLineage(Shape, frozen=True, gc=False):
    """``columnLineage``."""

    fields: dict[str, ColumnEntry] | None = None
    dataset: list[Column] | None = None


class SchemaField(Shape, frozen=True, gc=False):
    """A column of a dataset."""

    name: str


class Schema(Shape, frozen=True, gc=False):
    """``schema``."""

    fields: list[SchemaField] | None = None


class DatasetFacets(Shape, frozen=True, gc=False):
    """Facets of an input or output that are read; ``lineage`` is left to ``decode``."""

    model_source: ModelSourceShape | None = field(default=None, name="lineageGuard_modelSource")
    license: Licenses | None = field(default=None, name="lineageGuard_license")
    dataset_type: DatasetType | None = field(default=None, name="datasetType")
    lifecycle: Lifecycle | None = field(default=None, name="lifecycleStateChange")
    symlinks: Symlinks | None = None
    columns: ColumnLineage | None = field(default=None, name="columnLineage")
    #: A ``Schema``, read only where column lineage needs it: it is the bulk of many events.
    schema: Raw = Raw(b"null")
    lineage: None = None


class InputFacets(Shape, frozen=True, gc=False):
    """Facets of a read."""

    pins: Pins | None = field(default=None, name="lineageGuard_pins")


class OutputFacets(Shape, frozen=True, gc=False):
    """Facets of a write."""

    versions: Versions | None = field(default=None, name="lineageGuard_versions")


class InputShape(Name, frozen=True, gc=False, rename="camel"):
    """An input."""

    facets: DatasetFacets | None = None
    input_facets: InputFacets | None = None


class OutputShape(Name, frozen=True, gc=False, rename="camel"):
    """An output."""

    facets: DatasetFacets | None = None
    output_facets: OutputFacets | None = None


class SourceShape(Shape, frozen=True, gc=False, rename="camel"):
    """``lineageGuard_source``."""

    source: str | None = None
    position: Number | None = None
    orchestrator_run_id: str | None = None


class ParentRunShape(Shape, frozen=True, gc=False, rename="camel"):
    """The run of a ``parent``."""

    run_id: str


class Parent(Shape, frozen=True, gc=False):
    """``parent``."""

    run: ParentRunShape


class RunFacets(Shape, frozen=True, gc=False):
    """Facets of a run that are read; a verdict is left to ``decode``."""

    source: SourceShape | None = field(default=None, name="lineageGuard_source")
    parent: Parent | None = None
    decision: None = field(default=None, name="lineageGuard_decision")


class RunShape(Shape, frozen=True, gc=False, rename="camel"):
    """A run."""

    run_id: str
    facets: RunFacets | None = None


class JobType(Shape, frozen=True, gc=False, rename="camel"):
    """``jobType``."""

    processing_type: str | None = None


class JobFacets(Shape, frozen=True, gc=False, rename="camel"):
    """Facets of a job that are read; ``lineage`` is left to ``decode``."""

    job_type: JobType | None = None
    lineage: None = None


class JobShape(Name, frozen=True, gc=False):
    """A job."""

    facets: JobFacets | None = None


class RunEventShape(Shape, frozen=True, gc=False, rename="camel"):
    """A RunEvent."""

    run: RunShape
    job: JobShape
    event_time: str
    event_type: str | None = None
    producer: str | None = None
    inputs: list[InputShape] | None = None
    outputs: list[OutputShape] | None = None
