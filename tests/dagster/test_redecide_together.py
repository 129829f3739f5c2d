"""Versions that are decided on together, to save time, are allowed only what each of them is allowed."""

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


def stopped(folder, taught, *steps, waivers=(), own=()):
    """Indexes of the steps that are found to be stopped now; before, nobody had decided on any."""
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
    rules = Rules(load_policy("default", catalog), waivers, catalog, TRAIN_COMPETING)
    return [list(made).index(v.target) for v in redecide(ledger, made, rules, NOW).verdicts]


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
