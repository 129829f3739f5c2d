"""Golden cases: data that a lawyer can read, run through the real catalog, policies and decide()."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import yaml

from lineage_guard.catalog import load_catalog, load_policy
from lineage_guard.catalog.cases import parse_cases
from lineage_guard.domain.facts import Completeness, Input, ModelSource, Production, Version
from lineage_guard.domain.lineage.closure import close, extend
from lineage_guard.domain.rules.terms import USES
from lineage_guard.domain.verdict.decide import Decision, decide
from lineage_guard.domain.verdict.expecting import answer, differences

HERE = Path(__file__).parent
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def cases(name):
    read = yaml.safe_load((HERE / name).read_text(encoding="utf-8"))
    return read["cases"] if isinstance(read, dict) else read


def as_users_write_it(file, rows):
    """The cases without the terms that only this test can give them."""
    plain = [{key: value for key, value in row.items() if key != "own_terms"} for row in rows]
    text = yaml.safe_dump({"format": 1, "cases": plain}, sort_keys=False)
    return parse_cases(text, str(HERE / file), load_catalog(), NOW)


ARTEFACTS = cases("public_lineage.yaml")
MATCHES = cases("matcher.yaml")
VERDICTS = cases("verdicts.yaml")
READ = as_users_write_it("verdicts.yaml", VERDICTS)


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


def test_each_case_is_read_as_a_user_writes_it():
    # What lawyers read here and what users write is one format, and one reader reads it.
    assert [read.case.name for read in READ] == [case["case"] for case in VERDICTS]


@pytest.mark.parametrize(("case", "read"), list(zip(VERDICTS, READ, strict=True)), ids=[c["case"] for c in VERDICTS])
def test_verdict(case, read, tmp_path):
    catalog = catalog_of(case, tmp_path)
    verdict = answer(read.case, read.policy(catalog), (), catalog.ancestry)
    assert differences(read.case.expected, verdict) == (), case["why"]
    assert verdict.decision is Decision(case["decision"])
    assert verdict.stops is case.get("stops", case["decision"] in ("BLOCK", "UNKNOWN"))
    for finding in verdict.findings:
        assert finding.fix
        assert finding.message.endswith((".", "?"))
        assert finding.path[0] == verdict.target
        assert finding.path[-1] == finding.subject
