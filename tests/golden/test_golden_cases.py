"""Golden cases: data that a lawyer can read, run through the real catalog, policies and decide()."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import yaml

from lineage_guard.catalog import load_catalog, load_policy
from lineage_guard.catalog.policy_file import parse_policy
from lineage_guard.domain.facts import Completeness, Input, License, ModelSource, Production, Usage, Version
from lineage_guard.domain.lineage.closure import close, extend
from lineage_guard.domain.lineage.days import on_each_day
from lineage_guard.domain.rules.terms import USES
from lineage_guard.domain.verdict.decide import Decision, decide
from lineage_guard.openlineage.verdicts import asset_of

HERE = Path(__file__).parent
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def cases(name):
    return yaml.safe_load((HERE / name).read_text(encoding="utf-8"))


ARTEFACTS = cases("public_lineage.yaml")
MATCHES = cases("matcher.yaml")
VERDICTS = cases("verdicts.yaml")


@pytest.fixture(scope="module")
def catalog():
    return load_catalog()


def test_golden_tables_hold_what_they_should(catalog):
    derived = {a.artefact for a in catalog.ancestry.artefacts if a.edges}
    assert {c["artefact"] for c in ARTEFACTS} == derived
    assert len(ARTEFACTS) == 81
    assert len(MATCHES) >= 60
    assert all(len(c["why"]) > 20 for c in ARTEFACTS + VERDICTS)


def test_the_page_states_how_many_cases_there_are():
    page = " ".join((HERE.parents[1] / "docs/policy.md").read_text(encoding="utf-8").split())
    sizes = {file.stem: len(cases(file.name)) for file in HERE.glob("*.yaml")}
    assert f"{sum(sizes.values())} golden cases" in page
    assert (
        f"{sizes['verdicts']} small lineages, {sizes['public_lineage']} public artefacts, {sizes['matcher']} questions "
        f"which terms bind a model, {sizes['influence']} of column lineage and {sizes['quarantine']} of quarantine"
    ) in page
    assert f"make {sizes['verdicts'] + sizes['public_lineage'] * 2 * 5 * 3:,} verdicts" in page


@pytest.mark.parametrize("mode", ["default", "strict"])
@pytest.mark.parametrize("case", ARTEFACTS, ids=lambda c: c["artefact"])
def test_public_artefact_has_its_expected_verdict(case, mode, catalog):
    policy = load_policy(mode, catalog)
    node = catalog.ancestry.version_of(case["artefact"])
    target, copy = Version("default", "student"), Version("default", "raw/copy", None, "run-1")
    step = Production((target,), inputs=(Input(node),))
    ways = {
        "read as it is": close(step, []),
        "drawn as an external asset": close(step, [Production((node,), artefact=case["artefact"], produced_at=NOW)]),
        "downloaded": close(
            Production((target,), inputs=(Input(copy),)),
            [Production((copy,), artefact=case["artefact"], completeness=Completeness.UNKNOWN, produced_at=NOW)],
        ),
    }
    for way, closure in ways.items():
        answers = [
            decide(extend(closure, catalog.ancestry), policy, (), use, NOW).decision.value.lower() for use in USES
        ]
        assert answers == case[mode], f"{case['artefact']}, {way}: {case['why']}"


@pytest.mark.parametrize("case", MATCHES, ids=lambda c: f"{c['model']}|{c.get('channel', '')}|{c.get('on', '')}")
def test_terms_of_a_model_on_a_channel_on_a_day(case, catalog):
    model = ModelSource(case["provider"], case["model"], channel=case.get("channel"))
    on = date.fromisoformat(case["on"]) if "on" in case else None
    found = catalog.terms.resolve(model, on)
    assert sorted(t.id for t in found.layers) == case["terms"], found.how
    assert (found.unresolved.value if found.unresolved else None) == case.get("unresolved"), found.how
    assert found.how


def licence(said):
    """An SPDX expression alone, or a mapping with its duties too."""
    return License(said) if isinstance(said, str) else License(**{**said, "obligations": tuple(said["obligations"])})


def production(name, step):
    models = []
    for m in step.get("models", []):
        m = dict(m)
        if "generated_at" in m:
            m["generated_at"] = datetime.fromisoformat(m["generated_at"]).replace(tzinfo=UTC)
        m["usage"] = Usage(m.get("usage", "GENERATION"))
        m["base_models"] = tuple(m.get("base_models", ()))
        models.append(ModelSource(**m))
    began, ended = (datetime.fromisoformat(d).replace(tzinfo=UTC) for d in step.get("lasted", [NOW.isoformat()] * 2))
    return Production(
        (Version("default", name),),
        inputs=tuple(Input(Version("default", n)) for n in step.get("reads", [])),
        models=on_each_day(models, began, ended),
        produced_at=ended if "lasted" in step else None,
        completeness=Completeness(step.get("completeness", "COMPLETE")),
        artefact=step.get("artefact"),
        licenses=tuple(licence(said) for said in step.get("licenses", [])),
    )


def catalog_of(case, folder):
    """The shipped catalog, with the entries that a case spells out in a file of its own."""
    if "own_terms" not in case:
        return load_catalog()
    plain = {"provider": "Acme", "kind": "open_weights", "providers": ["acme"], "channels": ["self-hosted"]}
    plain |= {"license": "LicenseRef-acme", "summary": "As the case says.", "url": "https://acme.example/terms"}
    plain |= {"source": "the same page", "date_read": "2026-11-02", "confidence": "verified"}
    rows = [{**plain, **row, "effects": dict.fromkeys(USES, row["effect"])} for row in case["own_terms"]]
    for row in rows:
        del row["effect"]
        row |= {key: str(day) for key, day in row.items() if isinstance(day, date)}
    path = folder / "own.yaml"
    path.write_text(yaml.safe_dump({"format": 1, "terms": rows}), encoding="utf-8")
    return load_catalog(path)


def policy_of(case, catalog):
    """A shipped policy by name, or the file that a case spells out."""
    said = case.get("policy", "default")
    if isinstance(said, str):
        return load_policy(said, catalog)
    return parse_policy(
        yaml.safe_dump({"format": 1, "name": "house", "import": "default", **said}), "case.yaml", catalog
    )


@pytest.mark.parametrize("case", VERDICTS, ids=lambda c: c["case"])
def test_verdict(case, tmp_path):
    catalog = catalog_of(case, tmp_path)
    made = {name: production(name, step) for name, step in case["steps"].items()}
    closure = extend(close(made["student"], [p for n, p in made.items() if n != "student"]), catalog.ancestry)
    closure = replace(closure, asset=asset_of(case.get("asset")))
    policy = policy_of(case, catalog)
    verdict = decide(closure, policy, (), case.get("use", "train_competing"), NOW)
    assert verdict.decision is Decision(case["decision"]), f"{case['why']} {[f.message for f in verdict.findings]}"
    assert verdict.stops is case.get("stops", case["decision"] in ("BLOCK", "UNKNOWN"))
    if "terms" in case:
        assert sorted({f.terms.id for f in verdict.findings if f.terms}) == case["terms"]
    if "path" in case:
        assert [v.name for v in verdict.findings[0].path] == case["path"]
    if "says" in case:
        assert any(case["says"] in f.message for f in verdict.findings), [f.message for f in verdict.findings]
    if "reason" in case:
        assert verdict.findings[0].reason.value == case["reason"]
    if "obligation" in case:
        assert any(o.startswith(case["obligation"]) for o in verdict.obligations), verdict.obligations
    for finding in verdict.findings:
        assert finding.fix
        assert finding.message.endswith((".", "?"))
        assert finding.path[0] == closure.target
        assert finding.path[-1] == finding.subject
