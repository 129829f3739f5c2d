"""The inputs and outputs of an event: data, teacher models, and what was written."""

from __future__ import annotations

import re
from collections.abc import Iterable
from uuid import UUID

from lineage_guard.domain.facts import Acknowledgement, License, LicenseScope, ModelSource, Production, Version
from lineage_guard.domain.rules.terms import Effect
from lineage_guard.domain.verdict.decide import Verdict
from lineage_guard.domain.verdict.runs import AssetRun
from lineage_guard.openlineage.codec import license_json, model_json
from lineage_guard.openlineage.facets import LICENSE, MODEL_SOURCE, PINS, VERSIONS, Json, facet, present
from lineage_guard.openlineage.reading import format_time

Place = tuple[str, str]

_HUB = "huggingface"
_MIRRORED_PARTITIONS = 1000
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def model_node(model: ModelSource) -> Place:
    """The dataset (namespace, name) that stands for a model in the lineage graph.

    Weights that can be had from the Hugging Face hub are its node, whoever served them;
    anything else belongs to its provider.

    Example:
        >>> model_node(ModelSource("openai", "gpt-4o"))
        ('openai', 'gpt-4o')
    """
    hub = (model.purl or "").startswith(f"pkg:{_HUB}/") or model.provider.lower() == _HUB
    return (_HUB if hub else model.provider, model.model)


def inputs_of(run: AssetRun, producer: str) -> list[Json]:
    """The data that was read, each with its exact versions, then the models that were used.

    What was read is a fact of this run, so pins are input facets: a backend that keeps one
    set of dataset facets per dataset does not mix up what two runs read.
    """
    entries: dict[Place, Json] = {}
    pins: dict[Place, list[Json]] = {}
    versions: dict[Place, list[Version]] = {}
    for position, edge in enumerate(run.production.inputs):
        place = (edge.version.namespace, edge.version.name)
        entries.setdefault(place, {})
        versions.setdefault(place, []).append(edge.version)
        pins.setdefault(place, []).append(
            present(
                {
                    "partition": edge.version.partition,
                    "run": edge.version.run,
                    "influence": edge.influence.value,
                    "pin": edge.pin.value,
                    "position": position,
                }
            )
        )
    for model in run.production.models:
        entries.setdefault(model_node(model), {})
    assertions = _verdict_assertions(run)
    return [
        _input(
            place,
            pins.get(place, []),
            versions.get(place, []),
            [m for m in run.production.models if model_node(m) == place],
            assertions.get(place, []),
            producer,
        )
        for place in entries
    ]


def _input(
    place: Place,
    pins: list[Json],
    versions: list[Version],
    models: list[ModelSource],
    assertions: list[Json],
    producer: str,
) -> Json:
    facets: Json = {}
    input_facets: Json = {}
    if pins:
        input_facets[PINS] = facet(PINS, producer, {"pins": pins})
        facets.update(_version_facet(versions, producer))
        condition = _partition_condition(versions)
        if condition:
            input_facets["subset"] = facet("subset.input", producer, {"inputCondition": condition})
    if models:
        facets["datasetType"] = facet("datasetType", producer, {"datasetType": "MODEL"})
        claimed = [License(m.license, Acknowledgement.DECLARED, LicenseScope.MODEL_OUTPUT) for m in models if m.license]
        if claimed:
            licenses = [license_json(x) for x in dict.fromkeys(claimed)]
            facets[LICENSE] = facet(LICENSE, producer, {"licenses": licenses})
    if assertions:
        input_facets["dataQualityAssertions"] = facet("dataQualityAssertions", producer, {"assertions": assertions})
    return _dataset(place, facets, "inputFacets", input_facets)


def outputs_of(run: AssetRun, producer: str) -> list[Json]:
    """What was written, with everything known of it; bare names unless the run is COMPLETE.

    A dataset facet describes the current version of a dataset, and a run that only started
    or failed made none.
    """
    grouped: dict[Place, list[tuple[int, Version]]] = {}
    for position, version in enumerate(run.production.outputs):
        grouped.setdefault((version.namespace, version.name), []).append((position, version))
    if run.state.value != "COMPLETE":
        return [_dataset(place, {}, "outputFacets", {}) for place in grouped]
    shared = _provenance(run.production, producer) | _description(run, producer)
    return [_output(run, place, written, shared, producer) for place, written in grouped.items()]


def _output(run: AssetRun, place: Place, written: list[tuple[int, Version]], shared: Json, producer: str) -> Json:
    versions = [version for _, version in written]
    facets = shared | _version_facet(versions, producer)
    if all(v.partition is None for v in versions):
        # A partition is not known to have been there before; a whole asset is written over.
        facets["lifecycleStateChange"] = facet("lifecycleStateChange", producer, {"lifecycleStateChange": "OVERWRITE"})
    output_facets: Json = {
        VERSIONS: facet(
            VERSIONS,
            producer,
            {
                "versions": [
                    present({"partition": v.partition, "run": v.run, "position": position}) for position, v in written
                ]
            },
        )
    }
    condition = _partition_condition(versions)
    if condition:
        output_facets["subset"] = facet("subset.output", producer, {"outputCondition": condition})
    if run.row_count is not None or run.byte_count is not None:
        output_facets["outputStatistics"] = facet(
            "outputStatistics", producer, {"rowCount": run.row_count, "size": run.byte_count}
        )
    return _dataset(place, facets, "outputFacets", output_facets)


def _provenance(production: Production, producer: str) -> Json:
    """The facets that a reader needs to rebuild the production."""
    facets: Json = {
        MODEL_SOURCE: facet(
            MODEL_SOURCE,
            producer,
            {
                "completeness": production.completeness.value,
                "assertedBy": production.asserted_by.value,
                "producedAt": format_time(production.produced_at) if production.produced_at else None,
                "artefact": production.artefact,
                "note": production.note,
            },
        )
        # An empty list says "no model", which is not the same as not saying.
        | {"models": [model_json(m) for m in production.models]}
    }
    if production.licenses:
        licenses = [license_json(x) for x in production.licenses]
        facets[LICENSE] = facet(LICENSE, producer, {"licenses": licenses})
    if production.artefact and "/" in production.artefact:
        identifiers = [{"namespace": _HUB, "name": production.artefact, "type": "ARTEFACT"}]
        facets["symlinks"] = facet("symlinks", producer, {"identifiers": identifiers})
    return facets


def _description(run: AssetRun, producer: str) -> Json:
    """What any backend can draw: columns, tags, owners, checks."""
    facets: Json = {"tags": facet("tags", producer, {"tags": _tags(run)})}
    if run.columns:
        columns = [
            {"name": name, "type": type_, "ordinal_position": index + 1}
            for index, (name, type_) in enumerate(run.columns)
        ]
        facets["schema"] = facet("schema", producer, {"fields": columns})
    if run.column_lineage:
        facets["columnLineage"] = facet("columnLineage", producer, {"fields": _column_lineage(run)})
    if run.owners:
        facets["ownership"] = facet("ownership", producer, {"owners": owners(run.owners)})
    if run.description:
        facets["documentation"] = facet("documentation", producer, {"description": run.description})
    assertions = [present({"assertion": c.assertion, "success": c.success, "column": c.column}) for c in run.checks]
    if run.verdict:
        assertions.append(_overall(run.verdict, enforced=run.enforced))
    if assertions:
        # The spec types this facet for inputs; backends that draw it read it from the dataset.
        facets["dataQualityAssertions"] = facet("dataQualityAssertions", producer, {"assertions": assertions})
    return facets


def owners(names: Iterable[str]) -> list[Json]:
    """Owners as OpenLineage lists them."""
    return [{"name": name} for name in names]


def _tags(run: AssetRun) -> list[Json]:
    production = run.production
    tags = [{"key": key, "value": value, "source": "DAGSTER"} for key, value in run.tags]
    headline = {
        "lineage-guard.provenance": production.completeness.value,
        "lineage-guard.models": ", ".join(dict.fromkeys(str(m) for m in production.models)),
        "lineage-guard.license": ", ".join(dict.fromkeys(x.expression for x in production.licenses)),
        "lineage-guard.decision": run.verdict.decision.value if run.verdict else "",
    }
    return tags + [{"key": k, "value": v, "source": "LINEAGE_GUARD"} for k, v in headline.items() if v]


def _column_lineage(run: AssetRun) -> Json:
    fields: Json = {}
    for edge in run.column_lineage:
        entry = fields.setdefault(edge.column, {"inputFields": []})
        entry["inputFields"].append(
            {
                "namespace": edge.source.namespace,
                "name": edge.source.name,
                "field": edge.source_column,
                "transformations": [{"type": edge.influence.value}],
            }
        )
    return fields


def _verdict_assertions(run: AssetRun) -> dict[Place, list[Json]]:
    """For each input, whether the verdict has something against what came through it.

    A false assertion paints the dataset red in Marquez, so a blocked run shows where the
    trouble came in.
    """
    verdict = run.verdict
    if verdict is None:
        return {}
    by_place: dict[Place, dict[str, Json]] = {}
    for finding in verdict.findings:
        if finding.waived_by or not verdict.stops or finding.effect < Effect.UNKNOWN:
            continue
        if len(finding.path) > 1:
            place = (finding.path[1].namespace, finding.path[1].name)
        elif finding.model:
            place = model_node(finding.model)
        else:
            continue
        assertion = f"lineage-guard/{finding.rule}"
        by_place.setdefault(place, {}).setdefault(
            assertion,
            {"assertion": assertion, "success": False, "severity": "error", "description": finding.message},
        )
    clean = {"assertion": f"lineage-guard/{verdict.policy}", "success": True}
    places = {(i.version.namespace, i.version.name) for i in run.production.inputs}
    places.update(model_node(m) for m in run.production.models)
    return {place: list(by_place[place].values()) if place in by_place else [clean] for place in places}


def _overall(verdict: Verdict, *, enforced: bool) -> Json:
    return {
        "assertion": f"lineage-guard/{verdict.policy}",
        "success": not verdict.stops,
        "severity": "error" if enforced else "warn",
        "actual": verdict.decision.value,
    }


def _version_facet(versions: list[Version], producer: str) -> Json:
    """The standard version facet, when there is one version to name."""
    runs = {v.run for v in versions}
    run = next(iter(runs))
    return {"version": facet("version", producer, {"datasetVersion": run})} if len(runs) == 1 and run else {}


def _partition_condition(versions: list[Version]) -> Json | None:
    """The standard subset condition, a mirror of the pins for backends that draw it.

    Left out for a mix of partitioned and unpartitioned versions, which it cannot say, and
    for very many, where it would double an event that the pins have already made big.
    """
    keys = [v.partition for v in versions]
    if any(key is None for key in keys) or len(keys) > _MIRRORED_PARTITIONS:
        return None
    partitions = [{"identifier": key, "dimensions": {"partition": key}} for key in dict.fromkeys(keys)]
    return {"type": "partition", "partitions": partitions}


def _dataset(place: Place, facets: Json, kind: str, kind_facets: Json) -> Json:
    entry: Json = {"namespace": place[0], "name": place[1]}
    if facets:
        entry["facets"] = facets
    if kind_facets:
        entry[kind] = kind_facets
    return entry


def is_uuid(text: str) -> bool:
    """Whether a text is a UUID, as OpenLineage wants run ids."""
    if _UUID.fullmatch(text):  # as nearly all are written; ten times as fast
        return True
    try:
        UUID(text)
    except ValueError:
        return False
    return True
