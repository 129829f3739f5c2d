"""Policies that import others, facts about the organisation, and conditions, as they are written."""

from dataclasses import replace
from datetime import date

import pytest

from lineage_guard.catalog import load_catalog, load_policy
from lineage_guard.catalog.documents import schema
from lineage_guard.catalog.load import Catalog
from lineage_guard.catalog.match import CatalogTerms
from lineage_guard.catalog.policy_file import policy_files
from lineage_guard.dagster.gate.sign import fingerprint
from lineage_guard.dagster.settings import Settings
from lineage_guard.domain.errors import PolicyError
from lineage_guard.domain.facts import ModelSource
from lineage_guard.domain.rules.organisation import Organisation, Purpose
from lineage_guard.domain.rules.terms import TRAIN_COMPETING, Effect

CATALOG = load_catalog()
COMPANY = """\
format: 1
name: company
import: default
uses: [train_voice]
organisation: {competes_with: [openai, anthropic], monthly_users: 1000}
rules:
  - id: no-xai
    on: model
    when: {provider: xAI*, use: train_*}
    effect: block
    reason: The house does not use it.
    fix: Use another model.
"""
TEAM = """\
format: 1
name: team
import: ../company.yaml
organisation:
  monthly_users: 2000
rules:
  - id: no-xai
    on: model
    when: {provider: "x*"}
    effect: block
    reason: Nothing of theirs, for no use.
    fix: Use another model.
  - id: licences
    on: license
    when:
      license: [CC-BY-NC-*, LicenseRef-acme]
      acknowledgement: declared
      use: train_voice
    effect: block
    reason: The result is sold.
    fix: Use other data.
"""


@pytest.fixture
def files(tmp_path):
    (tmp_path / "team").mkdir()
    company, team = tmp_path / "company.yaml", tmp_path / "team" / "policy.yaml"
    company.write_text(COMPANY)
    team.write_text(TEAM)
    return company, team


def test_a_team_narrows_the_policy_of_its_company(files):
    policy = load_policy(files[1], CATALOG)
    assert policy.name == "team"
    assert policy.imports == ("company", "default")
    assert policy.uses == ("train_voice",)
    assert {"model-terms", "no-xai", "licences"} <= {r.id for r in policy.rules}
    assert policy.organisation == Organisation(("anthropic", "microsoft", "openai"), monthly_users=2000)
    assert policy.digest != load_policy(files[0], CATALOG).digest != load_policy("default", CATALOG).digest


def test_who_competes_with_nobody_but_two_may_use_the_others(files):
    company = load_policy(files[0], CATALOG)
    by = {t.id: company.organisation.apply(t, TRAIN_COMPETING).effect for t in CATALOG.terms.entries}
    assert by["openai-api"] is by["azure-openai"] is by["xai-api"] is by["llama-2"] is Effect.BLOCK
    assert by["cohere-api"] is by["stability-community"] is Effect.WARN
    assert not CATALOG.terms.resolve(ModelSource("cohere", "command-a", channel="api.cohere.com"), None).unresolved


def test_limits_of_the_shipped_terms_are_applied():
    many = Organisation(monthly_users=900_000_000, annual_revenue_usd=2_000_000)
    over = {t.id for t in CATALOG.terms.entries if many.apply(t, "evaluate").effect is Effect.BLOCK}
    assert over >= {"llama-2", "llama-3", "llama-3.1", "llama-3.3", "llama-4", "dbrx", "qwen-license-2024"}
    assert "stability-community" in over
    duty = {t.id for t in CATALOG.terms.entries if many.apply(t, "evaluate").effect is Effect.WARN}
    assert {"kimi-k2", "minimax-m2"} <= duty


@pytest.mark.parametrize(
    ("file", "old", "new", "place", "what", "fix"),
    [
        (1, "effect: block\n    reason: Nothing", "effect: warn\n    reason: Nothing", "10:5", "says warn", "stricter"),
        (1, 'when: {provider: "x*"}', "when: {provider: xai, use: evaluate}", "9:5", "does not hold wherever", "wider"),
        (1, "  monthly_users: 2000", "  monthly_users: 20", "5:3", "monthly_users is 20, and company says", "leave"),
        (1, "  monthly_users: 2000", "  competes_with: [openai]", "5:3", "competes_with", "leave competes_with out"),
        (1, "  monthly_users: 2000", "  competes_with: [opnai]", "5:19", "no provider is called 'opnai'", "'openai'?"),
        (1, "  monthly_users: 2000", "  competes_with: [vertex]", "5:19", "leaves out 'google'", "write 'google'"),
        (1, "  monthly_users: 2000", "  monthly_user: 2000", "5:3", "unknown key", "did you mean 'monthly_users'?"),
        (1, "name: team", "name: team\nunknown_blocks: false", "3:1", "unknown_blocks is false", "leave unknown_b"),
        (1, "import: ../company.yaml", "import: company.yaml", "3:1", "cannot be read", "relative to policy.yaml"),
        (1, "import: ../company.yaml", "import: policy.yaml", "3:1", "itself: policy.yaml -> policy.yaml", "out"),
        (0, "import: default", "import: team/policy.yaml", "3:1", "policy.yaml -> company.yaml -> policy.yaml", "out"),
        (0, "effect: block", "effect: allow", "10:5", "rule 'no-xai' allows", "take the rule out"),
        (1, "CC-BY-NC-*, ", "CC-BY-NC-40, ", "16:17", "not on the SPDX licence list", "SPDX licence list"),
        (1, "CC-BY-NC-*, ", "MIT AND CC-BY-4.0, ", "16:17", "names several licences", "one by one"),
        (1, "acknowledgement: declared", "acknowledgement: said", "17:7", "'said'", "use one of declared, concluded"),
        (1, "use: train_voice", "use: train_vioce", "18:7", "no use is called", "did you mean 'train_voice'?"),
        (1, "use: train_voice", "generated: {from: 2026-01-01}", "18:7", "would never match", "drop 'generated'"),
        (1, '{provider: "x*"}', "{generated: {from: 2026-02-30}}", "9:24", "is no day", "2026-01-31"),
        (1, '{provider: "x*"}', "{generated: {from: 2026-02-20, until: 2026-02-01}}", "9:12", "ends before", "swap"),
        (1, '{provider: "x*"}', "{origin: third_party}", "9:12", "no origin is called", "first_party"),
    ],
)  # fmt: skip
def test_a_wrong_file_says_where_and_how_to_mend_it(files, file, old, new, place, what, fix):
    path = files[file]
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    with pytest.raises(PolicyError) as raised:
        load_policy(files[1], CATALOG)
    error = raised.value
    assert what in error.what
    assert fix in error.fix
    assert error.where.endswith(f"{path.name}:{place}"), str(error)


def test_a_rival_is_a_whole_company(tmp_path):
    """`vertex` alone would leave Google's own terms to whoever does not compete with Google."""

    def rivals(*names, catalog=CATALOG):
        path = tmp_path / "p.yaml"
        path.write_text(
            f"format: 1\nname: p\nimport: default\norganisation: {{competes_with: {list(names)}}}\n", "utf-8"
        )
        return load_policy(path, catalog).organisation.competes_with

    assert rivals("google") == rivals("Google*") == rivals("vertex", "gemini") == ("google", "google cloud")
    assert rivals("bedrock") == ("aws",), "the name of a service of a company that has no other"
    for part in ("gemini", "gcp.vertex_ai", "vertex*", "google cloud"):
        with pytest.raises(PolicyError, match=r"the same company\. To fix: write 'google'"):
            rivals("openai", part)
    shipped = CATALOG.terms.details
    first = next(e for e in shipped if e.terms.provider == "OpenAI")
    named = [
        replace(first, terms=replace(first.terms, provider=p), providers=frozenset())
        for p in ("百度", "アクメ", "Blue Sky", "Blue Sky Labs")
    ]
    own = Catalog(CatalogTerms([*shipped, *named]), CATALOG.ancestry, CATALOG.hosts)
    assert rivals("百度", catalog=own) == ("百度",), "letters of any script are letters"
    with pytest.raises(PolicyError, match="list 'blue sky labs' as well"):
        rivals("blue sky", catalog=own)
    assert rivals("blue sky", "blue sky labs", catalog=own) == ("blue sky", "blue sky labs")


def test_every_condition_can_be_written(tmp_path):
    path = tmp_path / "p.yaml"
    when = schema("policy")["$defs"]["rule"]["properties"]["when"]["properties"]
    said = {
        "use": "train_*", "provider": "openai", "model": "gpt-*", "channel": "api.openai.com", "terms": "openai-*",
        "restriction": "COMPETING_MODELS", "confidence": "verified", "reason": "RESTRICTED_MODEL",
        "influence": "direct", "origin": "second_hand", "license": "LicenseRef-*", "acknowledgement": "concluded",
        "dataset": "huggingface:*", "asset": "student", "generated": "{from: 2026-01-01, until: 2026-06-30}",
        "asset_group": "products", "asset_tag": "team=speech", "asset_kind": "pytorch", "asset_owner": "team:shop",
    }  # fmt: skip
    assert set(said) == set(when)
    lines = "\n".join(f"      {key}: {value}" for key, value in said.items())
    path.write_text(
        "format: 1\nname: all\norganisation: {purpose: research, distributes_models: false}\nrules:\n"
        f"  - id: r\n    on: model\n    when:\n{lines}\n    effect: block\n    reason: r\n    fix: f\n"
    )
    policy = load_policy(path, CATALOG)
    assert policy.organisation == Organisation(purpose=Purpose.RESEARCH, distributes_models=False)
    match = policy.rules[0].match
    assert (match.generated_from, match.generated_until) == (date(2026, 1, 1), date(2026, 6, 30))
    assert match.origin == ("second_hand",)


def test_a_policy_without_rules_of_its_own_needs_an_import(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text("format: 1\nname: x\nimport: strict\norganisation: {purpose: commercial}\n")
    assert load_policy(path, CATALOG).counts_indirect
    path.write_text("format: 1\nname: x\norganisation: {purpose: commercial}\n")
    with pytest.raises(PolicyError, match="lacks 'rules'"):
        load_policy(path, CATALOG)


def test_a_gate_is_known_by_everything_its_policy_imports(files):
    company, team = files
    assert policy_files(team) == (team.resolve(), company.resolve())
    before = fingerprint(Settings(policy=team))
    company.write_text(COMPANY.replace("monthly_users: 1000", "monthly_users: 1500"))
    assert fingerprint(Settings(policy=team)) != before
    company.write_text("{")
    assert policy_files(team) == (team.resolve(), company.resolve()), "whoever loads it says what is wrong"


def test_editors_can_complete_every_key():
    def described(node, at):
        if isinstance(node, dict):
            if {"type", "enum", "const", "$ref"} & node.keys() and at and at[-1] != "items":
                assert node.get("description") or "$ref" in node, "/".join(at)
            for key, value in node.items():
                if key in ("properties", "$defs"):
                    for name, each in value.items():
                        described(each, (*at, name))

    described(schema("policy"), ())
    conditions = schema("policy")["$defs"]["rule"]["properties"]["when"]["properties"]
    assert all(each["description"] for each in conditions.values())


LAW = """\
format: 1
name: law
template: true
import: default
rules:
  - id: no-consumer-apps
    on: model
    when: {channel: chatgpt.com}
    effect: block
    reason: The law says so.
    fix: Use the API.
"""
BOTH = """\
format: 1
name: team
import: [../company.yaml, ../law.yaml]
organisation: {monthly_users: 2000}
rules:
  - id: licences
    on: license
    when: {license: CC-BY-NC-*}
    effect: block
    reason: The result is sold.
    fix: Use other data.
"""


@pytest.fixture
def both(files):
    company, team = files
    law = company.parent / "law.yaml"
    law.write_text(LAW)
    team.write_text(BOTH)
    return company, law, team


def test_several_imports_are_as_strict_as_each_of_them(both):
    company, law, team = both
    policy = load_policy(team, CATALOG)
    assert policy.imports == ("company", "default", "law")
    shipped = [r.id for r in load_policy("default", CATALOG).rules]
    assert [r.id for r in policy.rules if not r.narrows] == [*shipped, "licences"], "nobody else speaks of licences"
    assert {r.id for r in policy.rules if r.narrows} == {"no-xai", "no-consumer-apps"}
    rivals = load_policy(company, CATALOG).organisation.competes_with
    assert policy.organisation == Organisation(rivals, monthly_users=2000), "a template leaves the facts to others"
    assert policy.uses == ("train_voice",)
    assert policy_files(team) == tuple(p.resolve() for p in (team, company, law))
    assert load_policy(team, CATALOG).digest == policy.digest
    before = fingerprint(Settings(policy=team))
    law.write_text(LAW.replace("chatgpt.com", "chat.openai.com"))
    assert fingerprint(Settings(policy=team)) != before, "the gate reads every import"


def test_the_order_of_imports_means_nothing(both):
    first = load_policy(both[2], CATALOG)
    both[2].write_text(BOTH.replace("[../company.yaml, ../law.yaml]", "[../law.yaml, ../company.yaml]"))
    assert load_policy(both[2], CATALOG).digest == first.digest


def test_one_import_in_a_list_is_that_import(both):
    both[2].write_text(BOTH.replace("[../company.yaml, ../law.yaml]", "[../company.yaml]"))
    listed = load_policy(both[2], CATALOG)
    both[2].write_text(BOTH.replace("[../company.yaml, ../law.yaml]", "../company.yaml"))
    assert (listed.digest, listed.imports) == (load_policy(both[2], CATALOG).digest, ("company", "default"))


@pytest.mark.parametrize(
    ("file", "old", "new", "place", "what"),
    [
        (
            1,
            "import: default",
            "import: team/policy.yaml",
            "4:1",
            "it imports itself: policy.yaml -> law.yaml",
        ),
        (1, "import: default\n", "", "3:27", "law has no rule by which a model is permitted"),
        (1, "template: true\n", "template: true\norganisation: {monthly_users: 3}\n", "3:1", "a template leaves"),
        (1, "import: default\n", "", "3:27", "To fix: let law import default"),
        (2, "../law.yaml", "../lex.yaml", "3:27", "what it imports cannot be read"),
        (2, "../law.yaml", "../company.yaml", "3:1", "non-unique"),
        (2, "effect: block", "effect: allow", "9:5", "'licences' allows, which a policy that imports another cannot"),
    ],
)
def test_what_is_wrong_in_several_imports_is_said_where_it_is(both, file, old, new, place, what):
    text = both[file].read_text()
    assert old in text
    both[file].write_text(text.replace(old, new))
    with pytest.raises(PolicyError) as raised:
        load_policy(both[2], CATALOG)
    assert what in str(raised.value)
    assert f".yaml:{place}:" in str(raised.value), raised.value
    assert raised.value.fix


def test_policies_that_are_silent_about_different_things_do_not_go_together(both):
    """Each speaks of what the other leaves unknown, and no rule of either may open that."""
    for path, name, provider in ((both[0], "company", "openai"), (both[1], "law", "anthropic")):
        rule = f"  - {{id: {name}, on: model, when: {{provider: {provider}}}, effect: as_terms, reason: r, fix: f}}\n"
        path.write_text(f"format: 1\nname: {name}\nrules:\n{rule}")
    with pytest.raises(PolicyError, match=r"company and law are silent about different things") as raised:
        load_policy(both[2], CATALOG)
    assert raised.value.where.endswith("policy.yaml:3:27")
    assert raised.value.fix == "let both import one policy, e.g. default; or let law import company"


def test_what_only_one_states_of_the_organisation_is_left_to_the_strict_reading(both):
    both[1].write_text(LAW.replace("template: true\n", ""))
    assert load_policy(both[2], CATALOG).organisation.competes_with is None


def test_a_stricter_rule_of_the_same_id_takes_the_place_of_the_weaker(both):
    _, law, team = both
    stricter = COMPANY.split("rules:\n")[1].replace("{provider: xAI*, use: train_*}", '{provider: "x*"}')
    law.write_text(LAW + stricter)
    rules = [r for r in load_policy(team, CATALOG).rules if r.id == "no-xai"]
    assert [r.match.use for r in rules] == [()]
    team.write_text(BOTH.replace("[../company.yaml, ../law.yaml]", "[../law.yaml, ../company.yaml]"))
    assert [r.match.use for r in load_policy(team, CATALOG).rules if r.id == "no-xai"] == [()]


def test_presets_go_together_and_the_strictest_wins(both):
    both[2].write_text("format: 1\nname: team\nimport: [default, strict]\n")
    policy = load_policy(both[2], CATALOG)
    assert policy.counts_indirect
    both[2].write_text("format: 1\nname: team\nimport: [observe, research]\n")
    assert load_policy(both[2], CATALOG).unknown_blocks
