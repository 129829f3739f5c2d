"""Policies that import others decide what docs/policy.md says, by a naive account of it; no import is ever loosened."""

import random

import imports_cases
import imports_oracle
import pytest
import yaml
from real_verdicts import FILES, SHIPPED, judged, own_catalog
from verdict_cases import NOW, a_case

from lineage_guard.catalog import load_policy
from lineage_guard.domain.errors import PolicyError

ORDER = {"ALLOW": 0, "WAIVED": 0, "WARN": 1, "UNKNOWN": 2, "BLOCK": 3}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("imports")


def loaded(files, name, folder, catalog):
    for each, file in files.items():
        (folder / f"{each}.yaml").write_text(yaml.safe_dump(file), encoding="utf-8")
    return load_policy(folder / f"{name}.yaml", catalog)


def alone(files, other, name):
    """An imported policy by itself; one that is nobody's, with the facts about whoever imports it."""
    facts = imports_oracle.facts_of(files, name)[0]
    mine, nobodys = imports_oracle.facts_of(files, other)
    said = f"{other}.yaml" if other not in FILES else other
    alone = {"format": 1, "name": "alone", "import": said}
    return alone | ({"organisation": facts} if nobodys and facts != mine else {})


def worst(found):
    """By rule, model and terms the strictest; one's silence is not told where another's rule says as much."""
    strictest = {}
    for *key, effect in found:
        strictest[*key] = max(effect, strictest.get((*key,), 0))
    told = {key[1:] for key, effect in strictest.items() if key[0] != "no-rule" and effect > 1}
    return {key: effect for key, effect in strictest.items() if key[0] != "no-rule" or key[1:] not in told}


@pytest.mark.parametrize("seed", range(10))
def test_what_imports_others_is_as_strict_as_each_and_as_its_own_rules(folder, seed):
    rng = random.Random(seed)
    full = a_case(rng, SHIPPED)
    catalog = own_catalog(full, folder)
    for _ in range(4):
        chain, name = imports_cases.chain(rng, FILES)
        case = imports_cases.few(rng, full) if rng.random() < 0.7 else full
        case |= {"waivers": imports_cases.waivers(rng, chain, name)}
        mine = {each: file for each, file in chain.items() if each not in FILES}
        try:
            policy = loaded(mine, name, folder, catalog)
        except PolicyError:
            continue  # what is refused has let nothing through; the cases of refusals are below
        said = judged(case, catalog, policy)
        decision, stops, found = imports_oracle.decide(case, chain, name)
        assert (said.decision.value, said.stops) == (decision, stops)
        behind = imports_oracle.behind(chain, name)
        licences = {rule["id"] for file in behind for rule in imports_oracle.of_licences(file)}
        assert worst(
            (f.rule, f.model and f.model.model, f.terms and f.terms.id, int(f.effect))
            for f in said.findings
            if f.rule not in licences
        ) == worst((rule, model, terms, effect) for rule, effect, _, model, terms in found if rule not in licences)
        for other in imports_oracle.imported(chain[name]):
            by_itself = loaded({"alone": alone(chain, other, name)}, "alone", folder, catalog)
            before = judged(case, catalog, by_itself)
            assert ORDER[said.decision.value] >= ORDER[before.decision.value]
            assert said.stops >= before.stops


def licensed(id, license, effect):
    return {"id": id, "on": "license", "when": {"license": license}, "effect": effect, "reason": "why", "fix": "fix"}


@pytest.mark.parametrize(
    ("imports", "own", "decision"),
    [
        (["bars.yaml"], [], "BLOCK"),
        (["offers.yaml"], [], "WARN"),
        (["bars.yaml"], [licensed("own", "LicenseRef-*", "warn")], "BLOCK"),
        (["bars.yaml", "offers.yaml"], [], "BLOCK"),
        (["offers.yaml", "bars.yaml"], [], "BLOCK"),
        (["offers.yaml", "strict"], [], "WARN"),
        (["strict", "offers.yaml"], [], "WARN"),
        (["offers.yaml", "knows.yaml"], [], "WARN"),
        (["knows.yaml", "offers.yaml"], [], "WARN"),
        (["offers.yaml"], [licensed("own", "LicenseRef-Bought", "block")], "BLOCK"),
        (["strict"], [licensed("own", "LicenseRef-*", "warn"), licensed("nc", "CC-BY-NC-*", "block")], "WARN"),
    ],
)
def test_a_licence_to_be_got_first_is_chosen_only_if_each_policy_on_licences_speaks_of_it(
    folder, imports, own, decision, catalog
):
    nc = licensed("nc", "CC-BY-NC-*", "block")
    about = {
        "bars": [nc],
        "offers": [nc, licensed("bought", "LicenseRef-*", "warn")],
        "knows": [licensed("bought-2026", "LicenseRef-Bought", "warn")],
    }
    chain = {name: {"format": 1, "name": name, "import": "default", "rules": rules} for name, rules in about.items()}
    chain["team"] = {"format": 1, "name": "team", "import": imports} | ({"rules": own} if own else {})
    step = {"reads": [], "models": [], "licenses": [], "complete": "COMPLETE", "day": None, "artefact": None}
    data = step | {"licenses": [(("OR", "CC-BY-NC-4.0", "LicenseRef-Bought"), "DECLARED")]}
    case = {"steps": {"data": data, "student": step | {"reads": [("data", "DIRECT")]}}, "target": "student"}
    case |= {"use": "train_competing", "partition": None, "waivers": [], "now": NOW, "terms": [], "artefacts": []}
    said = judged(case, catalog, loaded(chain, "team", folder, catalog))
    assert said.decision.value == decision == imports_oracle.decide(case, {**FILES, **chain}, "team")[0]


def barring(**more):
    return {"id": "bar", "on": "model", "effect": "block", "reason": "why", "fix": "fix"} | more


COMPANY = {
    "format": 1,
    "name": "company",
    "import": "default",
    "organisation": {"competes_with": ["openai", "anthropic"], "monthly_users": 700, "distributes_models": True},
    "counts_indirect": True,
    "rules": [barring(when={"provider": ["openai", "anthropic"], "use": "train_*"})],
}


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ({"rules": [barring(id="own", effect="allow")]}, "allows, which a policy that imports another cannot"),
        ({"rules": [barring(id="own", at_most="allow")]}, "allows, which a policy that imports another cannot"),
        ({"rules": [barring(when={"provider": "openai", "use": "train_*"})]}, "does not hold wherever"),
        ({"rules": [barring(when={"provider": ["openai", "anthropic", "!anthropic"]})]}, "does not hold wherever"),
        ({"rules": [barring(when={"provider": "*", "influence": "direct"})]}, "does not hold wherever"),
        ({"rules": [barring(effect="unknown")]}, "says unknown, and in company block"),
        ({"rules": [barring(effect="as_terms")]}, "says as_terms, and in company block"),
        ({"rules": [barring(at_most="warn")]}, "says block, at_most warn, and in company block"),
        ({"rules": [barring(on="unresolved")]}, "speaks of unresolved, and in company of model"),
        ({"unknown_blocks": False}, "unknown_blocks is false"),
        ({"counts_indirect": False}, "counts_indirect is false"),
        ({"organisation": {"competes_with": ["openai"]}}, "competes_with is microsoft, openai"),
        ({"organisation": {"purpose": "research"}}, "purpose is research"),
        ({"organisation": {"distributes_models": False}}, "distributes_models is False"),
        ({"organisation": {"monthly_users": 699}}, "monthly_users is 699"),
    ],
)
@pytest.mark.parametrize("named", ["company", "house and company"])
def test_an_attempt_to_loosen_is_refused_however_far_away_the_import_is(folder, said, what, named, catalog):
    law = {"format": 1, "name": "law", "import": "default", "template": True}
    house = {"format": 1, "name": "house", "import": ["law.yaml", "company.yaml"]}
    imports = [f"{name}.yaml" for name in named.split(" and ")]
    team = {"format": 1, "name": "team", "import": imports} | said
    with pytest.raises(PolicyError, match="it would loosen what it imports") as raised:
        loaded({"company": COMPANY, "law": law, "house": house, "team": team}, "team", folder, catalog)
    assert what.replace("company", named) in str(raised.value)
    assert "team.yaml:" in raised.value.where


@pytest.fixture(scope="module")
def catalog(folder):
    return own_catalog({"terms": [], "artefacts": []}, folder)
