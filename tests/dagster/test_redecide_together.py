"""Versions that are decided on together, to save time, are allowed only what each of them is allowed."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from lineage_guard.catalog import load_catalog, load_policy
from lineage_guard.dagster.sensor.redecide import Rules, redecide
from lineage_guard.domain.facts import Input, ModelSource, Production, Usage, Version
from lineage_guard.domain.rules.terms import TRAIN_COMPETING
from lineage_guard.domain.rules.waivers import Waiver
from lineage_guard.domain.verdict.runs import AssetRun, RunState
from lineage_guard.ledger import open_ledger
from lineage_guard.openlineage.encode import event_of

NOW = datetime(2026, 11, 22, tzinfo=UTC)
LLAMA = ModelSource("meta", "meta-llama/Meta-Llama-3-70B-Instruct", channel="self-hosted")
BASE = ModelSource("meta", "meta-llama/Meta-Llama-3-8B", channel="self-hosted", usage=Usage.BASE_MODEL)
GPT = ModelSource("openai", "gpt-4o", channel="api.openai.com")
WAIVER = Waiver(
    "w-de",
    "model-terms",
    "student",
    "why",
    "ann",
    "bob",
    "T-1",
    NOW.replace(year=2027),
    model="gpt-4o",
    partition="de",
)


def trained(n, data, *models, partition=None, at=NOW):
    version = Version("d", "student", partition, str(UUID(int=n, version=4)))
    return Production((version,), inputs=(Input(data),), models=models, produced_at=at)


def world(folder, taught, *steps, waivers=(), own=()):
    """A ledger of steps that nobody has decided on, what is on record of each, and what is decided by."""
    data = Version("d", "data", None, str(UUID(int=99, version=4)))
    ledger = open_ledger(str(folder / "ledger"))
    productions = [Production((data,), models=taught, produced_at=NOW), *(step(data) for step in steps)]
    ledger.append(
        [
            event_of(AssetRun(p.outputs[0].run, RunState.COMPLETE, p.produced_at, "d", p.outputs[0].name, p))
            for p in productions
        ]
    )
    made = {p.outputs[0]: p for p in productions[1:]}
    catalog = load_catalog(*own)
    return ledger, made, Rules(load_policy("default", catalog), waivers, catalog, TRAIN_COMPETING)


def stopped(folder, taught, *steps, waivers=(), own=()):
    """Indexes of the steps that are found to be stopped now."""
    ledger, made, rules = world(folder, taught, *steps, waivers=waivers, own=own)
    return [list(made).index(v.target) for v in redecide(ledger, made, rules, NOW).verdicts]


def rounds(ledger, made, rules, most):
    """What is filed call by call, until a call says that it was all."""
    filed = [redecide(ledger, made, rules, NOW, most)]
    while not filed[-1].done:
        assert len(filed) < 100
        filed.append(redecide(ledger, made, rules, NOW, most, going_on=True))
    return [[v.target for v in each.verdicts] for each in filed]


@pytest.mark.parametrize("order", [1, -1])
def test_the_base_of_one_opens_no_family_for_another(tmp_path, order):
    steps = [lambda data: trained(1, data, BASE), lambda data: trained(2, data)]
    assert stopped(tmp_path, (LLAMA,), *steps[::order]) == [(0, 1)[::order].index(1)]


def test_the_waiver_for_the_partition_of_one_covers_no_other(tmp_path):
    steps = [lambda data, p=p, n=n: trained(n, data, partition=p) for n, p in enumerate(("de", "en"), 1)]
    assert stopped(tmp_path, (GPT,), *steps, waivers=(WAIVER,)) == [1]


OWN = """\
  - id: acme-{n}
    series: acme
    effective_from: {begins}
    provider: Acme
    kind: hosted_service
    providers: [acme]
    models: [acme-chat]
    channels: [api.acme.example]
    license: LicenseRef-acme
    effects: {{train_competing: {says}, train_internal_generative: allow, train_internal_classifier: allow,
      evaluate: allow, rag_or_inference_context: allow}}
    summary: As it says.
    url: https://acme.example/terms
    source: the same page
    date_read: 2026-11-02
    confidence: verified
"""
VERSIONS = ((1, "2024-01-01", "block"), (2, "2026-01-01", "allow"))


def test_the_day_of_one_is_not_the_day_of_another(tmp_path):
    own = tmp_path / "own.yaml"
    texts = [OWN.format(n=n, begins=begins, says=says) for n, begins, says in VERSIONS]
    own.write_text("format: 1\nterms:\n" + "".join(texts), encoding="utf-8")
    acme = ModelSource("acme", "acme-chat", channel="api.acme.example")
    steps = [lambda data, n=n: trained(n, data, acme, at=NOW.replace(year=2024 + n)) for n in (1, 2)]
    assert stopped(tmp_path, (), *steps, own=(own,)) == [0]


def partitions(n):
    return [lambda data, k=k: trained(k, data, partition=f"p{k}") for k in range(1, n + 1)]


def waived(*partitions):
    return tuple(replace(WAIVER, id=f"w-{p}", partition=p) for p in partitions)


@pytest.mark.parametrize("bad", ["p1", "p12"])
def test_a_version_is_found_behind_any_number_that_are_only_stopped_together(tmp_path, bad):
    """Each has a waiver of its own but one: all halves are stopped, and budgets end before the last version."""
    others = [f"p{k}" for k in range(1, 13) if f"p{k}" != bad]
    ledger, made, rules = world(tmp_path, (GPT,), *partitions(12), waivers=waived(*others))
    filed = rounds(ledger, made, rules, most=6)
    assert [v.partition for each in filed for v in each] == [bad]
    assert len(filed) > 1


def test_everything_that_new_rules_allow_is_released_however_little_a_call_may_do(tmp_path):
    ledger, made, rules = world(tmp_path, (GPT,), *partitions(7))
    assert sorted(v for each in rounds(ledger, made, rules, most=5) for v in each) == sorted(made)
    allowing = replace(rules, waivers=waived("p1", "p2", "p4", "p7"))
    filed = rounds(ledger, made, allowing, most=2)
    assert sorted(v.partition for each in filed for v in each) == ["p1", "p2", "p4", "p7"]
    assert len(filed) == 4
    assert rounds(ledger, made, allowing, most=50) == [[]]


def test_a_change_in_the_middle_sends_the_round_over_what_it_had_passed(tmp_path):
    ledger, made, rules = world(tmp_path, (GPT,), *partitions(5))
    rounds(ledger, made, rules, most=50)
    first = replace(rules, waivers=waived("p1"))
    assert not redecide(ledger, made, first, NOW, 3).done  # passed p5, p4, p3 or so, which stay stopped
    second = replace(rules, waivers=waived("p1", "p3", "p4", "p5"))
    rest = redecide(ledger, made, second, NOW, 3, going_on=True)
    filed = [v.target.partition for v in rest.verdicts]
    while not rest.done:
        rest = redecide(ledger, made, second, NOW, 3, going_on=True)
        filed += [v.target.partition for v in rest.verdicts]
    assert sorted(filed) == ["p1", "p3", "p4", "p5"]


def test_the_newest_verdict_counts_however_many_were_filed_before_and_beside(tmp_path):
    """Refused attempts are filed under the same name, and may be any number."""
    ledger, made, rules = world(tmp_path, (GPT,), *partitions(1))
    [verdict] = redecide(ledger, made, rules, NOW).verdicts
    later = NOW.replace(year=2027)
    for n in range(120):
        run = str(UUID(int=1000 + n, version=4))
        refused = replace(verdict, target=Version("d", "student", "p1", run))
        never = Production((refused.target,))
        ledger.append([event_of(AssetRun(run, RunState.FAIL, later, "d", "student", never, verdict=refused))])
    assert redecide(ledger, made, rules, NOW).verdicts == ()
    ledger.compact()
    assert redecide(ledger, made, rules, NOW).verdicts == ()
    [released] = redecide(ledger, made, replace(rules, waivers=waived("p1")), NOW).verdicts
    assert not released.stops


def test_a_place_that_cannot_be_read_is_looked_for_from_the_beginning(tmp_path):
    ledger, made, rules = world(tmp_path, (GPT,), *partitions(3))
    assert not redecide(ledger, made, rules, NOW, 2).done
    [place] = (tmp_path / "ledger" / "state").glob("redecide*")
    place.write_text("[", encoding="utf-8")
    assert redecide(ledger, made, rules, NOW, 50, going_on=True).done
    assert len(ledger.decisions("d", "student", 100)) == 3
