"""docs/policy.md and docs/waivers.md: their files load, their code runs, their tables are complete."""

import re
from pathlib import Path

import pytest

from lineage_guard.catalog import load_catalog, load_policy, load_waivers
from lineage_guard.catalog.documents import schema
from lineage_guard.domain.errors import PolicyError
from lineage_guard.domain.rules.policy import Subject
from lineage_guard.domain.rules.waivers import WaiverReason

DOCS = Path(__file__).parents[2] / "docs"
POLICY, WAIVERS = ((DOCS / f"{name}.md").read_text(encoding="utf-8") for name in ("policy", "waivers"))


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "policies").mkdir()
    for text in blocks(POLICY, "yaml"):
        path = tmp_path / re.match(r"# (policies/\w+\.yaml)\n", text).group(1)
        path.write_text(text)
    [waivers] = blocks(WAIVERS, "yaml")
    (tmp_path / "waivers.yaml").write_text(waivers)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_policies_of_the_page_load(folder):
    team = load_policy("policies/team.yaml", load_catalog())
    assert team.imports == ("company", "default")
    assert team.organisation.monthly_users == 40_000_000


def test_several_policies_of_the_page_go_together(folder):
    product = load_policy("policies/product.yaml", load_catalog())
    assert product.imports == ("company", "default", "regulation")
    assert product.organisation.monthly_users == 40_000_000, "the regulation leaves the facts to the company"
    assert {"no-consumer-apps", "licences-of-data", "named-teachers"} <= {r.id for r in product.rules}


def test_the_error_of_the_page_is_the_one_that_is_raised(folder):
    path = Path("policies/team.yaml")
    path.write_text(path.read_text().replace("effect: block", "effect: warn", 1))
    with pytest.raises(PolicyError) as raised:
        load_policy(path, load_catalog())
    assert str(raised.value) in " ".join(POLICY.split())


@pytest.mark.parametrize("page", [POLICY, WAIVERS], ids=["policy", "waivers"])
def test_the_code_of_the_page_runs(folder, page, capsys):
    for code in blocks(page, "python"):
        exec(compile(code, "page", "exec"), {})
    said = capsys.readouterr().out
    assert said.startswith("WARN" if page is POLICY else "w-2026-11-22-student-1 "), said


def test_the_waiver_of_the_page_holds(folder):
    [waiver] = load_waivers(folder / "waivers.yaml")
    assert (waiver.approved_by, waiver.refused) == ("bob@example.com", None)


def test_every_key_and_word_is_explained():
    keys = schema("policy")["properties"]
    conditions = schema("policy")["$defs"]["rule"]["properties"]["when"]["properties"]
    facts = keys["organisation"]["properties"]
    words = [*keys, *conditions, *facts, *(s.value for s in Subject)]
    assert [w for w in words if f"`{w}" not in POLICY] == []
    fields = schema("waivers")["$defs"]["waiver"]["properties"]
    assert [w for w in (*fields, *(c.value for c in WaiverReason)) if w not in WAIVERS] == []
