"""An audit report as a CycloneDX 1.6 ML-BOM (https://cyclonedx.org/docs/1.6/json/), in JSON.

Made with cyclonedx-python-lib, which has no classes for ``modelCard`` and ``data`` (it says so in
``cyclonedx.model.component``); those two are added to what it writes. Tests validate the whole
with the library's strict validator.
"""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any, cast
from uuid import NAMESPACE_URL, uuid5

from lineage_guard.domain.extras import needed_for
from lineage_guard.domain.facts import Acknowledgement
from lineage_guard.openlineage.encode import canonical
from lineage_guard.openlineage.reading import format_time
from lineage_guard.report.contents import Report, Source
from lineage_guard.report.parts import Part, by_acknowledgement, digest, expression, label, parts, statements

_OWN = "lineage-guard:"


def as_cyclonedx(report: Report) -> bytes:
    """The ML-BOM: the trained model with a model card, datasets and models as components, and what depends on what.

    Args:
        report: the report.

    Raises:
        ConfigError: when the extra ``report`` is not installed.
    """
    with needed_for("CycloneDX", "report"):
        # Its classes are made by a decorator that hides their arguments from type checkers: Any, as through importlib.
        output: Any = import_module("cyclonedx.output.json")
    first, *others = report.sources
    bom: Any = _class("bom", "Bom")(
        serial_number=uuid5(NAMESPACE_URL, f"https://lineage-guard.dev/report/{digest(report)}"), version=1
    )
    bom.metadata.timestamp = report.as_of
    name, version = report.basis.generator
    bom.metadata.tools.components.add(_component(_type("APPLICATION"), name=name, version=version))
    bom.metadata.component = _of_source(first, _type("MACHINE_LEARNING_MODEL"))
    for property_ in _about(report):
        bom.metadata.properties.add(property_)
    components: dict[str, Any] = {first.id: bom.metadata.component}
    components |= {s.id: _of_source(s, _type("DATA")) for s in others}
    models = parts(report)
    components |= {m.id: _of_model(m) for m in models}
    bom.components.update(c for id_, c in components.items() if id_ != first.id)
    makers: dict[str, list[str]] = {}
    for model in models:
        for id_ in dict.fromkeys(use[0] for use in model.uses):
            makers.setdefault(id_, []).append(model.id)
    # Not by register_dependency(), which looks through all that were registered each time.
    dependency = _class("dependency", "Dependency")
    refs = {id_: dependency(component.bom_ref) for id_, component in components.items()}
    for source in report.sources:
        depends = [refs[id_] for id_ in (*source.inputs, *makers.get(source.id, ()))]
        bom.dependencies.add(dependency(components[source.id].bom_ref, depends))
    for model in models:
        bom.dependencies.add(refs[model.id])
    written = cast("dict[str, Any]", json.loads(output.JsonV1Dot6(bom).output_as_string()))
    return canonical(_completed(written, report)) + b"\n"


def _completed(bom: dict[str, Any], report: Report) -> dict[str, Any]:
    """With the model card and what the data components are."""
    duties = [f"{o.owner}: {o.duty}" for o in report.obligations]
    card: dict[str, Any] = {"considerations": {"useCases": [report.basis.use]}}
    if report.sources[0].inputs:
        card["modelParameters"] = {"datasets": [{"ref": id_} for id_ in report.sources[0].inputs]}
    if duties:
        card["properties"] = [{"name": f"{_OWN}obligation", "value": duty} for duty in duties]
    bom["metadata"]["component"]["modelCard"] = card
    for component in bom.get("components", []):
        if component["type"] == "data":
            component["data"] = [{"type": "dataset", "name": component["name"]}]
    return bom


def _about(report: Report) -> list[Any]:
    facts = [
        ("as-of", format_time(report.as_of)),
        ("ledger:watermark", report.position.watermark),
        ("policy", report.basis.policy),
        ("policy:digest", report.basis.policy_digest),
        ("catalog:digest", report.basis.catalog_digest),
        ("report:sha256", digest(report)),
    ]
    return [_property(name, text) for name, text in (*facts, *statements(report))]


def _of_source(source: Source, type_: Any) -> Any:
    r = source.reached
    v = r.version
    facts = [
        ("namespace", v.namespace),
        ("partition", v.partition),
        ("run", v.run),
        ("influence", r.influence.value),
        ("pin", r.pin.value),
        ("completeness", r.completeness.value),
        ("record", source.record),
        ("toward", source.toward),
        ("artefact", r.artefact),
        ("produced-at", format_time(r.produced_at) if r.produced_at else None),
        *((f"licence:{each.acknowledgement.value.lower()}", each.expression) for each in r.licenses),
        *(("ruling", f"{x.effect} by {x.rule}: {x.reason}{f' {x.model}' if x.model else ''}") for x in source.rulings),
    ]
    return _component(
        type_,
        bom_ref=source.id,
        group=v.namespace,
        name=v.name,
        version=label(v),
        description=r.note,
        licenses=_licenses(by_acknowledgement(r.licenses)),
        properties=[_property(name, text) for name, text in facts if text is not None],
    )


def _of_model(part: Part) -> Any:
    m = part.model
    facts = [
        ("channel", m.channel),
        *(("terms", key) for key in part.terms),
        *(("base-model", base) for base in m.base_models),
        *(("use", f"{id_} {usage}{' taken out by quarantine' if gone else ''}") for id_, usage, gone in part.uses),
    ]
    spelled = expression(part.licenses)
    return _component(
        _type("MACHINE_LEARNING_MODEL"),
        bom_ref=part.id,
        group=m.provider,
        name=m.model,
        version=m.version,
        licenses=_licenses({Acknowledgement.CONCLUDED: spelled} if spelled else {}),
        purl=_purl(m.purl),
        hashes=_hashes(m.digest),
        properties=[_property(name, text) for name, text in facts if text is not None],
    )


def _licenses(found: dict[Acknowledgement, str]) -> list[Any]:
    """One expression, for the format takes no more: the declared one, else what readers concluded."""
    for acknowledgement in (Acknowledgement.DECLARED, Acknowledgement.CONCLUDED):
        if acknowledgement in found:
            said = _class("license", "LicenseAcknowledgement")(acknowledgement.value.lower())
            return [_class("license", "LicenseExpression")(found[acknowledgement], acknowledgement=said)]
    return []


def _purl(text: str | None) -> Any:
    packageurl: Any = import_module("packageurl")
    try:
        return packageurl.PackageURL.from_string(text) if text else None
    except ValueError:
        return None


def _hashes(text: str | None) -> list[Any]:
    model: Any = import_module("cyclonedx.model")
    algorithm, _, content = (text or "").partition(":")
    return (
        [model.HashType(alg=model.HashAlgorithm.SHA_256, content=content)] if algorithm == "sha256" and content else []
    )


def _property(name: str, text: str) -> Any:
    model: Any = import_module("cyclonedx.model")
    return model.Property(name=f"{_OWN}{name}", value=text)


def _component(type_: Any, **fields: Any) -> Any:
    return _class("component", "Component")(type=type_, **fields)


def _type(name: str) -> Any:
    return _class("component", "ComponentType")[name]


def _class(module: str, name: str) -> Any:
    return getattr(import_module(f"cyclonedx.model.{module}"), name)
