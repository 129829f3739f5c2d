"""Facets: names, schema URLs and the one function that builds one.

Events are plain dictionaries here. ``openlineage.client`` costs 0.6 s to import (it brings
requests and attrs classes), and a gate runs these functions inside every training step, so
only ``classes``, ``validate`` and ``deliver`` touch it. Tests hold that what is built here
equals what the client's own classes serialise to.

Standard facets and their versions: https://openlineage.io/spec (2-0-2, vendored in ``spec/``).
"""

from __future__ import annotations

from functools import cache
from typing import Any

Json = dict[str, Any]

_SPEC = "https://openlineage.io/spec"
OWN = "https://lineage-guard.github.io/lineage-guard/spec/facets"

RUN_EVENT_SCHEMA = f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"

# The keys of the facets that are ours.
MODEL_SOURCE = "lineageGuard_modelSource"
LICENSE = "lineageGuard_license"
PINS = "lineageGuard_pins"
VERSIONS = "lineageGuard_versions"
DECISION = "lineageGuard_decision"
SOURCE = "lineageGuard_source"

#: Schema URL of every facet this package writes, by a name that is the facet key, with a
#: suffix where one key means different facets on jobs, runs, inputs and outputs.
SCHEMA_URLS: dict[str, str] = {
    MODEL_SOURCE: f"{OWN}/1-0-0/LineageGuardModelSourceDatasetFacet.json#/$defs/LineageGuardModelSourceDatasetFacet",
    LICENSE: f"{OWN}/1-0-0/LineageGuardLicenseDatasetFacet.json#/$defs/LineageGuardLicenseDatasetFacet",
    PINS: f"{OWN}/1-0-0/LineageGuardPinsInputDatasetFacet.json#/$defs/LineageGuardPinsInputDatasetFacet",
    VERSIONS: f"{OWN}/1-0-0/LineageGuardVersionsOutputDatasetFacet.json#/$defs/LineageGuardVersionsOutputDatasetFacet",
    DECISION: f"{OWN}/1-0-0/LineageGuardDecisionRunFacet.json#/$defs/LineageGuardDecisionRunFacet",
    SOURCE: f"{OWN}/1-0-0/LineageGuardSourceRunFacet.json#/$defs/LineageGuardSourceRunFacet",
    "parent": f"{_SPEC}/facets/1-2-0/ParentRunFacet.json#/$defs/ParentRunFacet",
    "processing_engine": f"{_SPEC}/facets/1-1-1/ProcessingEngineRunFacet.json#/$defs/ProcessingEngineRunFacet",
    "nominalTime": f"{_SPEC}/facets/1-0-1/NominalTimeRunFacet.json#/$defs/NominalTimeRunFacet",
    "errorMessage": f"{_SPEC}/facets/1-0-1/ErrorMessageRunFacet.json#/$defs/ErrorMessageRunFacet",
    "test": f"{_SPEC}/facets/1-0-1/TestRunFacet.json#/$defs/TestRunFacet",
    "tags.run": f"{_SPEC}/facets/1-0-0/TagsRunFacet.json#/$defs/TagsRunFacet",
    "jobType": f"{_SPEC}/facets/2-0-4/JobTypeJobFacet.json#/$defs/JobTypeJobFacet",
    "ownership.job": f"{_SPEC}/facets/1-0-1/OwnershipJobFacet.json#/$defs/OwnershipJobFacet",
    "documentation.job": f"{_SPEC}/facets/1-1-0/DocumentationJobFacet.json#/$defs/DocumentationJobFacet",
    "ownership": f"{_SPEC}/facets/1-0-1/OwnershipDatasetFacet.json#/$defs/OwnershipDatasetFacet",
    "documentation": f"{_SPEC}/facets/1-1-0/DocumentationDatasetFacet.json#/$defs/DocumentationDatasetFacet",
    "tags": f"{_SPEC}/facets/1-0-0/TagsDatasetFacet.json#/$defs/TagsDatasetFacet",
    "schema": f"{_SPEC}/facets/1-2-0/SchemaDatasetFacet.json#/$defs/SchemaDatasetFacet",
    "version": f"{_SPEC}/facets/1-0-1/DatasetVersionDatasetFacet.json#/$defs/DatasetVersionDatasetFacet",
    "datasetType": f"{_SPEC}/facets/1-0-1/DatasetTypeDatasetFacet.json#/$defs/DatasetTypeDatasetFacet",
    "symlinks": f"{_SPEC}/facets/1-0-1/SymlinksDatasetFacet.json#/$defs/SymlinksDatasetFacet",
    "columnLineage": f"{_SPEC}/facets/1-2-0/ColumnLineageDatasetFacet.json#/$defs/ColumnLineageDatasetFacet",
    "lifecycleStateChange": f"{_SPEC}/facets/1-0-1/LifecycleStateChangeDatasetFacet.json"
    "#/$defs/LifecycleStateChangeDatasetFacet",
    "dataQualityAssertions": f"{_SPEC}/facets/1-1-0/DataQualityAssertionsDatasetFacet.json"
    "#/$defs/DataQualityAssertionsDatasetFacet",
    "subset.input": f"{_SPEC}/facets/1-0-0/BaseSubsetDatasetFacet.json#/$defs/InputSubsetInputDatasetFacet",
    "subset.output": f"{_SPEC}/facets/1-0-0/BaseSubsetDatasetFacet.json#/$defs/OutputSubsetOutputDatasetFacet",
    "outputStatistics": f"{_SPEC}/facets/1-0-2/OutputStatisticsOutputDatasetFacet.json"
    "#/$defs/OutputStatisticsOutputDatasetFacet",
}


@cache
def installed_version(distribution: str) -> str:
    """The installed version of a distribution, or ``"unknown"``; nothing of it is imported."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        return "unknown"


def default_producer() -> str:
    """The producer URI of this release.

    Example:
        >>> default_producer().startswith("https://github.com/lineage-guard/lineage-guard/tree/")
        True
    """
    return f"https://github.com/lineage-guard/lineage-guard/tree/{installed_version('lineage-guard')}"


def facet(name: str, producer: str, fields: Json) -> Json:
    """A facet: the fields that have a value, and who says so by which schema.

    Args:
        name: a key of ``SCHEMA_URLS``.
        producer: producer URI.
        fields: the facet's own fields; those that are ``None`` are left out.
    """
    return {"_producer": producer, "_schemaURL": SCHEMA_URLS[name], **present(fields)}


def present(fields: Json) -> Json:
    """The fields that are not ``None`` and not an empty tuple or list."""
    return {key: value for key, value in fields.items() if value is not None and value != [] and value != ()}
