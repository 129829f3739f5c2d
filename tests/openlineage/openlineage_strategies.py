"""Random but valid asset runs, for property tests."""

from datetime import UTC, datetime

from hypothesis import strategies as st

from lineage_guard.domain.facts import (
    Acknowledgement,
    Assertion,
    Completeness,
    Influence,
    Input,
    License,
    LicenseScope,
    ModelSource,
    Pin,
    Production,
    Usage,
    Version,
)
from lineage_guard.domain.rules.assets import AssetFacts
from lineage_guard.domain.rules.policy import ReasonCode
from lineage_guard.domain.rules.terms import Confidence, Effect, Restriction, Terms
from lineage_guard.domain.verdict.decide import Decision, Finding, Verdict
from lineage_guard.domain.verdict.modes import Mode
from lineage_guard.domain.verdict.runs import AssetRun, CheckResult, ColumnEdge, ParentRun, RunState

words = st.sampled_from(["a", "synthetic/de", "Größe", "x|y", "2026-11-01", "openai", "gpt-4o", "huggingface", "名"])
texts = words | st.text(max_size=12)
names = st.text(min_size=1, max_size=8) | words
maybe = lambda s: st.none() | s  # noqa: E731
uuids = st.uuids().map(str)
times = st.datetimes(timezones=st.just(UTC))
versions = st.builds(Version, names, names, maybe(texts), maybe(uuids))
few = lambda s: st.lists(s, max_size=3).map(tuple)  # noqa: E731

models = st.builds(
    ModelSource,
    provider=names,
    model=names,
    version=maybe(texts),
    channel=maybe(texts),
    usage=st.sampled_from(Usage),
    influence=maybe(st.sampled_from(Influence)),
    license=maybe(names),
    terms=maybe(texts),
    purl=maybe(texts | st.just("pkg:huggingface/org/model@1")),
    digest=maybe(texts),
    base_models=few(texts),
    fields=few(texts),
    partitions=few(texts),
    record_count=maybe(st.integers(0, 10**12)),
    generated_at=maybe(times),
    asserted_by=st.sampled_from(Assertion),
)
licenses = st.builds(
    License,
    expression=names,
    acknowledgement=st.sampled_from(Acknowledgement),
    applies_to=st.sampled_from(LicenseScope),
    url=maybe(texts),
    terms_version=maybe(texts),
    effective_from=maybe(texts),
    text_digest=maybe(texts),
    restrictions=few(texts),
    obligations=few(texts),
)
inputs = st.builds(Input, versions, st.sampled_from(Influence), st.sampled_from(Pin))
productions = st.builds(
    Production,
    outputs=st.lists(versions, min_size=1, max_size=4).map(tuple),
    inputs=st.lists(inputs, max_size=5).map(tuple),
    models=few(models),
    produced_at=maybe(times),
    asserted_by=st.sampled_from(Assertion),
    completeness=st.sampled_from(Completeness),
    licenses=few(licenses),
    artefact=maybe(names),
    note=maybe(texts),
)
terms = st.builds(
    Terms,
    id=names,
    provider=names,
    kind=names,
    license=names,
    effects=st.dictionaries(names, st.sampled_from(Effect), max_size=3),
    restrictions=st.frozensets(st.sampled_from(Restriction)),
    obligations=few(texts),
    summary=texts,
    url=maybe(texts),
    effective_from=maybe(st.dates()),
    terms_version=maybe(texts),
    confidence=st.sampled_from(Confidence),
    date_read=maybe(st.dates()),
    source=maybe(texts),
)
findings = st.builds(
    Finding,
    rule=names,
    reason=st.sampled_from(ReasonCode),
    effect=st.sampled_from(Effect),
    message=texts,
    fix=texts,
    subject=versions,
    path=few(versions),
    influence=st.sampled_from(Influence),
    pin=st.sampled_from(Pin),
    model=maybe(models),
    terms=maybe(terms),
    versions=st.integers(1, 10**6),
    waived_by=maybe(texts),
)
verdicts = st.builds(
    Verdict,
    decision=st.sampled_from(Decision),
    stops=st.booleans(),
    target=versions,
    use=texts,
    at=times,
    findings=few(findings),
    obligations=few(texts),
    policy=names,
    policy_digest=texts,
    closure_digest=texts,
    closure_size=st.integers(0, 10**9),
    watermark=texts,
    waivers=few(texts),
    mode=st.sampled_from(Mode),
    asset=maybe(
        st.builds(
            AssetFacts,
            group=names,
            tags=st.dictionaries(names, texts, max_size=3).map(lambda tags: tuple(sorted(tags.items()))),
            kinds=few(names),
            owners=few(names),
        )
    ),
)
asset_runs = st.builds(
    AssetRun,
    run_id=uuids,
    state=st.sampled_from(RunState),
    at=times,
    job_namespace=names,
    job_name=names,
    production=productions,
    parent=maybe(st.builds(ParentRun, uuids | names, names, names)),
    error=maybe(texts),
    verdict=maybe(verdicts),
    enforced=st.booleans(),
    took=maybe(st.floats(0, 1e6)),
    nominal=maybe(st.tuples(times, times)),
    columns=few(st.tuples(names, names)),
    column_lineage=few(st.builds(ColumnEdge, names, versions, names, st.sampled_from(Influence))),
    row_count=maybe(st.integers(0, 10**12)),
    byte_count=maybe(st.integers(0, 10**12)),
    checks=few(st.builds(CheckResult, names, st.booleans(), maybe(names))),
    tags=few(st.tuples(names, texts)),
    owners=few(names),
    description=maybe(texts),
    code_version=maybe(texts),
    source=maybe(st.tuples(names, st.integers(0, 2**62))),
)


def moment(day: int = 1) -> datetime:
    return datetime(2026, 11, day, tzinfo=UTC)
