"""``decide`` says what the pages say: a naive account of them that shares no code with it says the same."""

import random

import pytest
import verdict_oracle
from real_verdicts import SHIPPED, findings, verdict
from verdict_cases import a_case


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("oracle")


# The same cases each time; another range of numbers is another search.
@pytest.mark.parametrize("seed", range(30))
def test_the_code_says_what_the_pages_say(folder, seed):
    case = a_case(random.Random(seed), SHIPPED)
    said = verdict(case, folder)
    decision, stops, found = verdict_oracle.decide(case)
    assert (said.decision.value, said.stops) == (decision, stops)
    assert findings(said) == {(rule, effect, model, terms) for rule, effect, _, model, terms in found}
