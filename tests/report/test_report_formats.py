"""The formats: valid against their schemas, complete, and harmless whatever names hold."""

from __future__ import annotations

import copy
import json
import sys
from collections import Counter
from html.parser import HTMLParser
from importlib import resources

import jsonschema
import pytest
import spdx_python_model
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from report_ledger import HOSTILE, LETTERS, STUDENT, UNJUDGED, report_on

from lineage_guard.domain.errors import ConfigError
from lineage_guard.domain.rules.spdx import expression_error
from lineage_guard.domain.verdict.evidence import Evidence, FailedExpectation
from lineage_guard.report.contents import Filed
from lineage_guard.report.document import SCHEMA, as_json
from lineage_guard.report.page import as_html
from lineage_guard.report.parts import expression, parts
from lineage_guard.report.rendering import render


def schema() -> dict:
    return json.loads((resources.files("lineage_guard.report") / "schemas" / "report.schema.json").read_text("utf-8"))


def closed(node):
    """The schema with every object closed: whatever it does not describe is an error."""
    if isinstance(node, dict):
        node = {k: closed(v) for k, v in node.items()}
        if node.get("type") == "object" and "additionalProperties" not in node:
            node["additionalProperties"] = False
    return [closed(each) for each in node] if isinstance(node, list) else node


def strict() -> jsonschema.Draft202012Validator:
    text = copy.deepcopy(schema())
    # The one place where an object is described in two halves.
    subject = text["properties"]["subject"]
    version = text["$defs"]["version"]
    both = {**version["properties"], **subject["properties"]}
    text["properties"]["subject"] = {**version, "properties": both, "required": [*version["required"], "use"]}
    return jsonschema.Draft202012Validator(closed(text))


def test_the_schema_is_one_and_has_its_published_name() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    assert schema()["$id"] == SCHEMA


def test_json_is_valid_and_every_field_is_described(report, ledger) -> None:
    failed = Evidence(
        "rows",
        "sha256:s",
        "sha256:d",
        "sha256:p",
        False,
        1,
        2,
        report.as_of,
        (FailedExpectation("t", "c", 3, "d"),),
        "no",
    )
    from dataclasses import replace

    with_failure = replace(
        report,
        evidence=(*report.evidence, Filed(failed, ("S1",), "rows", "sha256:" + "0" * 64)),
        cures=("took out 3 rows",),
    )
    for each in (report, with_failure, report_on(ledger, UNJUDGED), report_on(ledger, waivers=())):
        data = json.loads(as_json(each))
        jsonschema.Draft202012Validator(schema()).validate(data)
        strict().validate(data)


def test_the_schema_refuses_what_is_no_report(report) -> None:
    data = json.loads(as_json(report))
    validator = jsonschema.Draft202012Validator(schema())
    for wrong in ({**data, "format": 2}, {k: v for k, v in data.items() if k != "ledger"}, {**data, "sources": []}):
        assert not validator.is_valid(wrong)


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag, attrs) -> None:
        self.tags[tag] += 1
        self.attributes += attrs
        self.ids += [v for k, v in attrs if k == "id"]

    def handle_data(self, data) -> None:
        self.text.append(data)


def page_of(report) -> Page:
    page = Page()
    page.feed(as_html(report).decode())
    return page


def test_the_page_runs_nothing_and_loads_nothing(report) -> None:
    page = page_of(report)
    assert not {"script", "img", "iframe", "object", "embed", "link", "form", "base"} & set(page.tags)
    assert not [k for k, _ in page.attributes if k.startswith("on") or k in ("src", "srcset", "style")]
    links = [v for k, v in page.attributes if k == "href"]
    assert all(v.startswith(("#", "https://", "http://")) for v in links)
    assert "https://www.anthropic.com/legal/commercial-terms" in links
    policy = next(v for k, v in page.attributes if v and "default-src" in v)
    assert policy.startswith("default-src 'none'; style-src 'sha256-")


def test_hostile_names_are_text(report, ledger) -> None:
    page = page_of(report)
    text = "".join(page.text)
    assert f"default:{HOSTILE}[2026|de]@85000002" in text
    assert "javascript:alert(1)" in text
    assert "an agreement is being signed <b>now</b>" in text
    assert page.tags["b"] == 0
    page_of(report_on(ledger, LETTERS))


def test_what_cannot_be_seen_is_shown_as_its_code(report) -> None:
    from dataclasses import replace

    hidden = replace(report, notes=("a\u202eb",))
    assert "a\\u202eb" in as_html(hidden).decode()


def test_every_link_within_the_page_leads_somewhere(report) -> None:
    page = page_of(report)
    anchors = {v[1:] for k, v in page.attributes if k == "href" and v.startswith("#")}
    assert anchors <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    assert {s.id for s in report.sources} <= set(page.ids)


def test_the_page_says_what_an_auditor_asks_for(report) -> None:
    text = " ".join("".join(page_of(report).text).split())
    for each in (
        "On record: BLOCK.",
        f"lineage-guard verify --expect {report.position.watermark}",
        "Give any model you distribute a name that begins with 'Llama'",
        "LEGAL-7",
        "grace@example.com",
        report.decisions[0].record.digest,
        "CC-BY-4.0",
        "openai-api/2026-01-01",
    ):
        assert each in text
    style = as_html(report).decode()
    assert "prefers-color-scheme: dark" in style
    assert "@media print" in style


def bom_of(report) -> dict:
    data = render(report, "cyclonedx").decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(data) is None
    return json.loads(data)


def test_the_ml_bom_is_valid_with_its_model_card(report) -> None:
    bom = bom_of(report)
    trained = bom["metadata"]["component"]
    assert (trained["type"], trained["group"], trained["name"]) == ("machine-learning-model", "default", "student")
    assert trained["version"] == STUDENT.run
    assert trained["modelCard"]["modelParameters"]["datasets"] == [{"ref": "S1"}]
    assert trained["modelCard"]["considerations"]["useCases"] == ["train_competing"]
    assert any("Llama" in p["value"] for p in trained["modelCard"]["properties"])
    assert bom["metadata"]["timestamp"].startswith("2026-03-11T09:00:00")


def test_the_ml_bom_holds_every_source_and_model_and_what_depends_on_what(report) -> None:
    bom = bom_of(report)
    refs = {c["bom-ref"]: c for c in bom["components"]}
    models = parts(report)
    assert set(refs) == {s.id for s in report.sources[1:]} | {m.id for m in models}
    assert {refs[s.id]["type"] for s in report.sources[1:]} == {"data"}
    assert all(refs[s.id]["data"] == [{"type": "dataset", "name": s.reached.version.name}] for s in report.sources[1:])
    depends = {d["ref"]: set(d.get("dependsOn", ())) for d in bom["dependencies"]}
    for source in report.sources:
        makers = {m.id for m in models if source.id in {u[0] for u in m.uses}}
        assert depends[source.id] == {*source.inputs, *makers}


def test_the_ml_bom_has_licences_as_spdx_expressions(report) -> None:
    bom = bom_of(report)
    said = {c["name"]: c.get("licenses") for c in bom["components"]}
    assert said[HOSTILE] == [{"expression": "CC-BY-4.0", "acknowledgement": "declared"}]
    spelled = [each["expression"] for licenses in said.values() for each in licenses or ()]
    assert len(spelled) > 10
    assert [expression_error(each) for each in spelled] == [None] * len(spelled)


def test_the_strict_validator_would_see_a_breach(report) -> None:
    bom = bom_of(report)
    bom["components"][0]["data"] = [{"type": "rows"}]
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bom)) is not None


def test_spdx_reads_back_whole(report) -> None:
    data = render(report, "spdx")
    model, held = spdx_python_model.load_data(json.loads(data))
    assert held.missing_ids == set()
    [document] = held.foreach_type(model.SpdxDocument)
    [root] = document.rootElement
    assert root.name == "default:student"
    assert len(list(held.foreach_type(model.dataset_DatasetPackage))) == len(report.sources) - 1
    assert len(list(held.foreach_type(model.ai_AIPackage))) == len(parts(report)) + 1
    said = [a.statement for a in held.foreach_type(model.Annotation)]
    assert f"ledger watermark: {report.position.watermark}" in said
    assert any(s.startswith("decision:D1: BLOCK by policy default") for s in said)


def test_spdx_relates_what_the_report_relates(report) -> None:
    graph = json.loads(render(report, "spdx"))["@graph"]
    short = {e["spdxId"]: e["spdxId"].rsplit("/", 1)[1] for e in graph if "spdxId" in e}
    relations = [e for e in graph if e["type"] == "Relationship"]
    to = {(short[r["from"]], r["relationshipType"]): {short.get(t, t) for t in r["to"]} for r in relations}
    assert len(to) == len(relations)
    assert to["S0", "trainedOn"] == set(report.sources[0].inputs)
    for source in report.sources[1:]:
        assert to.get((source.id, "hasInput"), set()) == set(source.inputs)
    packages = [short[e["spdxId"]] for e in graph if e["type"] in ("ai_AIPackage", "dataset_DatasetPackage")]
    for package in packages:  # each exactly once, as the AI and Dataset profiles demand
        assert len(to[package, "hasDeclaredLicense"]) == len(to[package, "hasConcludedLicense"]) == 1
    assert [e["spdxId"] for e in graph if "spdxId" in e and "creationInfo" not in e] == []


def test_spdx_claims_no_profile_whose_demands_it_does_not_meet(report) -> None:
    graph = json.loads(render(report, "spdx"))["@graph"]
    [document] = [e for e in graph if e["type"] == "SpdxDocument"]
    assert document["profileConformance"] == ["core", "simpleLicensing", "software"]


@pytest.mark.parametrize(("format_", "module"), [("cyclonedx", "cyclonedx.output.json"), ("spdx", "spdx_python_model")])
def test_a_missing_extra_is_named(report, monkeypatch, format_, module) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigError, match=r"lineage-guard\[report\]"):
        render(report, format_)


def test_licences_become_one_expression() -> None:
    assert expression([]) is None
    assert expression(["mit", "MIT"]) == "MIT"
    assert expression(["MIT OR Apache-2.0", "cc-by-4.0", "House rules!"]) == (
        "(MIT OR Apache-2.0) AND CC-BY-4.0 AND LicenseRef-House-rules"
    )
    assert expression(["???"]) == "LicenseRef-unnamed"
    assert expression_error(str(expression(["(unbalanced", "a b c"]))) is None
