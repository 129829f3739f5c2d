"""An audit report as an SPDX 3.0.1 document in the classes of the AI and Dataset profiles, in JSON-LD.

https://spdx.github.io/spdx-spec/v3.0.1/. Made with spdx-python-model, whose classes are generated from the
model's own SHACL shapes and refuse what those do not allow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC
from importlib import import_module
from typing import Any, cast

from lineage_guard.domain.extras import needed_for
from lineage_guard.domain.facts import Acknowledgement
from lineage_guard.openlineage.encode import canonical
from lineage_guard.report.contents import Report, Source
from lineage_guard.report.parts import Part, by_acknowledgement, digest, expression, label, parts, statements

_BASE = "https://lineage-guard.dev/spdx"
_CONTEXT = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"
_CREATION = "_:creation"
#: Those whose every demand is met. The AI and Dataset profiles also want a download location and days of release,
#: which a ledger does not hold and which are not made up here; their classes and licence relations are used.
_PROFILES = ("core", "software", "simpleLicensing")


def as_spdx(report: Report) -> bytes:
    """The document: the trained model, every dataset and model it was made from, and how they relate.

    Args:
        report: the report.

    Raises:
        ConfigError: when the extra ``report`` is not installed.
    """
    with needed_for("SPDX", "report"):
        model: Any = import_module("spdx_python_model").v3_0_1
    objects = _Document(model, report).objects
    held = model.SHACLObjectSet(objects)
    written = cast("dict[str, Any]", model.JSONLDSerializer().serialize_data(held, force_at_graph=True))
    graph = cast("list[Mapping[str, Any]]", written["@graph"])
    # The library keeps elements in sets; sorted, the same report has the same bytes.
    ordered = sorted(graph, key=lambda e: (str(e["type"]), str(e.get("spdxId", e.get("@id", "")))))
    return canonical({"@context": _CONTEXT, "@graph": [_sorted(e) for e in ordered]}) + b"\n"


def _sorted(element: Mapping[str, Any]) -> dict[str, Any]:
    """With lists of names in order; order means nothing in the model's graph."""
    found: dict[str, Any] = {}
    for key, value in element.items():
        items = cast("list[Any]", value) if isinstance(value, list) else None
        plain = items is not None and all(isinstance(each, str) for each in items)
        found[key] = sorted(cast("list[str]", items)) if plain else value
    return found


class _Document:
    """The elements of the document while they are made.

    Attributes:
        objects: all of them.
    """

    def __init__(self, model: Any, report: Report) -> None:
        self._model = model
        self._report = report
        self._at = report.as_of.astimezone(UTC).replace(microsecond=0)
        self._place = f"{_BASE}/{digest(report)}"
        self._licenses: dict[str, Any] = {}
        self._agents: dict[str, Any] = {}
        self.objects: list[Any] = []
        name, version = report.basis.generator
        agent = model.SoftwareAgent(_id=f"{self._place}/generator", name=f"{name} {version}")
        self._creation = model.CreationInfo(_id=_CREATION, specVersion="3.0.1", created=self._at, createdBy=[agent._id])
        agent.creationInfo = self._creation
        self.objects += [self._creation, agent]
        self._describe()

    def _describe(self) -> None:
        first, *others = self._report.sources
        models = parts(self._report)
        elements = {first.id: self._trained(first)}
        elements |= {s.id: self._dataset(s) for s in others}
        elements |= {m.id: self._maker(m) for m in models}
        for source in self._report.sources:
            inputs = [elements[id_] for id_ in source.inputs]
            self._relate(elements[source.id], "trainedOn" if source is first else "hasInput", inputs, source.id)
            self._license(elements[source.id], by_acknowledgement(source.reached.licenses), source.id)
        for part in models:
            made = [elements[id_] for id_ in dict.fromkeys(use[0] for use in part.uses)]
            self._relate(elements[part.id], "generates", made, part.id)
            spelled = expression(part.licenses)
            self._license(elements[part.id], {Acknowledgement.CONCLUDED: spelled} if spelled else {}, part.id)
        for n, (name, text) in enumerate(self._statements(), 1):
            self._add(
                "Annotation",
                f"A{n}",
                annotationType=self._model.AnnotationType.other,
                subject=elements[first.id]._id,
                statement=f"{name}: {text}",
            )
        profiles = [getattr(self._model.ProfileIdentifierType, name) for name in _PROFILES]
        members = [o._id for o in self.objects if o._id != _CREATION]
        self._add(
            "SpdxDocument",
            "document",
            name=f"Audit report on {self._report.version}",
            rootElement=[elements[first.id]._id],
            profileConformance=profiles,
            element=members,
        )

    def _statements(self) -> Sequence[tuple[str, str]]:
        report = self._report
        facts = [
            ("ledger watermark", report.position.watermark),
            ("policy digest", report.basis.policy_digest),
            ("catalog digest", report.basis.catalog_digest),
            ("report sha256", digest(report)),
        ]
        return [*facts, *statements(report)]

    def _trained(self, source: Source) -> Any:
        duties = "; ".join(f"{o.owner}: {o.duty}" for o in self._report.obligations)
        v = source.reached.version
        fields = {"ai_limitation": f"Duties that travel to it: {duties}"} if duties else {}
        return self._add(
            "ai_AIPackage",
            source.id,
            name=f"{v.namespace}:{v.name}",
            software_packageVersion=label(v),
            software_primaryPurpose=self._model.software_SoftwarePurpose.model,
            suppliedBy=self._agent(v.namespace),
            **self._built(source),
            ai_informationAboutTraining=f"Use: {self._report.basis.use}. {_making(source)}",
            **fields,
        )

    def _dataset(self, source: Source) -> Any:
        v = source.reached.version
        return self._add(
            "dataset_DatasetPackage",
            source.id,
            name=f"{v.namespace}:{v.name}",
            software_packageVersion=label(v),
            software_primaryPurpose=self._model.software_SoftwarePurpose.data,
            originatedBy=[self._agent(v.namespace)],
            **self._built(source),
            dataset_datasetType=[self._model.dataset_DatasetType.noAssertion],
            dataset_dataCollectionProcess=_making(source),
        )

    def _maker(self, part: Part) -> Any:
        m = part.model
        fields = {"software_packageUrl": m.purl} if m.purl else {}
        return self._add(
            "ai_AIPackage",
            part.id,
            name=f"{m.provider}/{m.model}",
            software_packageVersion=m.version or "unversioned",
            software_primaryPurpose=self._model.software_SoftwarePurpose.model,
            suppliedBy=self._agent(m.provider),
            comment=f"Channel: {m.channel or 'not stated'}. Terms: {', '.join(part.terms) or 'unknown'}.",
            **fields,
        )

    def _built(self, source: Source) -> dict[str, Any]:
        made = source.reached.produced_at
        return {"builtTime": made.astimezone(UTC).replace(microsecond=0)} if made else {}

    def _agent(self, name: str) -> str:
        if name not in self._agents:
            self._agents[name] = self._add("Organization", f"agent-{len(self._agents) + 1}", name=name)
        return cast("str", self._agents[name]._id)

    def _license(self, element: Any, said: Mapping[Acknowledgement, str], id_: str) -> None:
        for acknowledgement, kind in (
            (Acknowledgement.DECLARED, "hasDeclaredLicense"),
            (Acknowledgement.CONCLUDED, "hasConcludedLicense"),
        ):
            text = said.get(acknowledgement)
            to = (
                self._expression(text)
                if text
                else self._model.expandedlicensing_IndividualLicensingInfo.NoAssertionLicense
            )
            self._relate(element, kind, [to], id_)

    def _expression(self, text: str) -> Any:
        if text not in self._licenses:
            name = f"license-{len(self._licenses) + 1}"
            self._licenses[text] = self._add(
                "simplelicensing_LicenseExpression", name, simplelicensing_licenseExpression=text
            )
        return self._licenses[text]

    def _relate(self, of: Any, kind: str, to: Sequence[Any], id_: str) -> None:
        if to:
            self._add(
                "Relationship",
                f"{id_}-{kind}",
                from_=of._id,
                relationshipType=getattr(self._model.RelationshipType, kind),
                to=[each if isinstance(each, str) else each._id for each in to],
            )

    def _add(self, kind: str, id_: str, **fields: Any) -> Any:
        made = getattr(self._model, kind)(_id=f"{self._place}/{id_}", creationInfo=self._creation, **fields)
        self.objects.append(made)
        return made


def _making(source: Source) -> str:
    r = source.reached
    way = f"; toward the trained version by {source.toward}" if source.toward else ""
    said = f"Record: {source.record}, {r.completeness.value}; influence {r.influence.value}{way}."
    return f"{said} {r.note}" if r.note else said
