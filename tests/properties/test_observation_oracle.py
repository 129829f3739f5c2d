"""What follows from what was seen is what docs/observe.md says: a naive account of it says the same."""

import random
from dataclasses import replace

import observation_cases
import observation_oracle
import pytest
import yaml
from real_verdicts import FILES, findings, own_catalog, production
from verdict_cases import NOW

from lineage_guard.catalog.policy_file import parse_policy
from lineage_guard.domain.declared.observation import Observation, ObservedModel, Via
from lineage_guard.domain.declared.observed import differences, observed_models
from lineage_guard.domain.lineage.closure import close
from lineage_guard.domain.rules.waivers import Waiver
from lineage_guard.domain.verdict.decide import decide


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("observed")


def observed(answer):
    loaded = answer["channel"] == "self-hosted"
    return ObservedModel(
        answer["model"],
        answer["provider"],
        host=None if loaded else answer["channel"],
        digest=answer["digest"],
        via=(Via.WEIGHTS if loaded else Via.HTTP,),
    )


def made(case):
    """The step with what its author declares and what was seen."""
    data = case["steps"]["data"]
    step = production({**case, "steps": {"data": {**data, "models": data["declared"]}}}, "data")
    digests = [model["digest"] for model in data["declared"]]
    declared = tuple(replace(m, digest=digest) for m, digest in zip(step.models, digests, strict=True))
    seen = Observation(tuple(map(observed, data["seen"])))
    return replace(step, models=declared + observed_models(seen, declared, silent=data["silent"]))


# The same cases each time; another range of numbers is another search.
@pytest.mark.parametrize("seed", range(30))
def test_what_follows_from_what_was_seen_is_what_the_page_says(folder, seed):
    case = observation_cases.a_case(random.Random(seed), FILES, NOW)
    catalog = own_catalog(case, folder)
    policy = parse_policy(yaml.safe_dump(case["policy"]), "case.yaml", catalog)
    data, step = made(case), case["steps"]["data"]
    assert {(d.model.model, d.reason.value) for d in differences(data.models, catalog.terms, step["day"])} == {
        (answer["model"], reason) for answer, reason in observation_oracle.differences(step)
    }
    waivers = tuple(Waiver(**said, reason="why", ticket="T-1") for said in case["waivers"])
    said = decide(close(production(case, "student"), [data]), policy, waivers, case["use"], case["now"])
    decision, stops, found = observation_oracle.decide(case, "data")
    assert (said.decision.value, said.stops) == (decision, stops)
    assert findings(said) == {(rule, effect, model, terms) for rule, effect, _, model, terms in found}
