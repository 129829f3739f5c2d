"""The lineage suite: the closure of a training step as a table, and expectations over it.

A second lock beside ``decide()``: the table is built by walking the closure and asking the
catalog for terms, and the suite holds terms, gaps and unresolved models against sets taken
from the policy. The policy's own judgement of each row is one more column.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from lineage_guard.domain.declared.observed import differences
from lineage_guard.domain.facts import Completeness, Influence, ModelSource, Version
from lineage_guard.domain.lineage.closure import Closure, Reached
from lineage_guard.domain.rules.policy import Policy, ReasonCode, Subject
from lineage_guard.domain.rules.terms import Effect, Resolution, Terms
from lineage_guard.domain.rules.waivers import Waivers
from lineage_guard.domain.verdict.decide import judge, terms_day
from lineage_guard.domain.verdict.evidence import Evidence, evidence_key
from lineage_guard.domain.verdict.judging import Ruling, rules_for
from lineage_guard.gx.evidence import gather
from lineage_guard.gx.suites import NOTHING, Suite, load_suite

#: Raised whenever the table changes shape, so that older evidence is not used for it.
TABLE_VERSION = 1

_GAPS = (ReasonCode.NO_PROVENANCE, ReasonCode.INCOMPLETE_PROVENANCE)
#: What was seen where it is not what is declared; its row has the code where a doubt about terms has its own.
_DIFFERENCES = frozenset(r.value for r in ReasonCode if r.name.startswith(("OBSERVED_", "INFERRED_")))
_UNRESOLVED = (ReasonCode.UNKNOWN_MODEL, ReasonCode.UNKNOWN_CHANNEL, ReasonCode.UNKNOWN_TERMS)


class LineageRow(NamedTuple):
    """One row of the table: a reached version, or one model of it under one layer of terms.

    Attributes:
        node: index of the version in the closure; the target has 0.
        kind: ``version``, ``model`` or ``blind`` (what the guard could not see).
        namespace: of the version.
        name: of the version.
        partition: of the version.
        run: that produced it.
        depth: edges to the target.
        influence: DIRECT or INDIRECT.
        counts: whether the policy counts this influence.
        use: what the target is for.
        completeness: of the record.
        provenance: COMPLETE, or the reason code of the gap; on ``version`` and ``blind`` rows.
        provider: of the model.
        model: id as declared.
        channel: through which it was reached.
        usage: what the model did.
        terms: catalog id of the terms that bind the model.
        restrictions: shapes in those terms, joined by commas.
        unresolved: why no terms are known.
        effect: the policy's own judgement of the row.
        waived_by: the waiver that covers everything in the row that would stop the step.
    """

    node: int
    kind: str
    namespace: str
    name: str
    partition: str | None
    run: str | None
    depth: int
    influence: str
    counts: bool
    use: str
    completeness: str
    provenance: str | None
    provider: str | None
    model: str | None
    channel: str | None
    usage: str | None
    terms: str | None
    restrictions: str | None
    unresolved: str | None
    effect: str
    waived_by: str | None


def lineage_rows(closure: Closure, policy: Policy, use: str, waivers: Waivers, at: datetime) -> list[LineageRow]:
    """The closure as rows; never empty, for the target is always one.

    Args:
        closure: what the step would learn from.
        policy: rules and terms.
        use: what the step is for.
        waivers: accepted risks.
        at: when, timezone-aware UTC; expired waivers do nothing.
    """
    judged: dict[tuple[object, ...], list[Ruling]] = {}
    for j in judge(closure, policy, use):
        ruling = j.ruling
        judged.setdefault(_place(j.index, ruling.model, ruling.terms, ruling.reason), []).append(ruling)
    rows: list[LineageRow] = []
    for node, r in enumerate(closure.reached):
        for model, terms, unresolved in _subjects(r, policy):
            influence = r.influence if model is None or model.direct else Influence.INDIRECT
            effect, waived_by = _effect(
                judged.pop(_place(node, model, terms, unresolved), []), r.version, closure, policy, use, waivers, at
            )
            counts = influence is Influence.DIRECT or policy.counts_indirect
            # What counts and was not judged must not pass for allowed; a version without a gap needs no judgement.
            unjudged = "UNJUDGED" if counts and model is not None else Effect.ALLOW.name
            judgement = effect.name if effect is not None else unjudged
            rows.append(_row(node, r, model, terms, unresolved, influence, counts, use, judgement, waived_by))
    if judged:
        raise AssertionError(f"{len(judged)} judgements of the policy have no row")
    head = _row(0, closure.reached[0], None, None, None, Influence.DIRECT, True, use, Effect.BLOCK.name, None)
    rows += [head._replace(kind="blind", provenance=ReasonCode.GUARD_CANNOT_SEE.value) for _ in closure.blind]
    return rows


def _subjects(r: Reached, policy: Policy) -> Iterator[tuple[ModelSource | None, Terms | None, str | None]]:
    yield None, None, None
    for model in dict.fromkeys(r.models):
        resolution: Resolution = policy.terms.resolve(model, terms_day(model.generated_at or r.produced_at))
        for terms in dict.fromkeys(t.id for t in resolution.layers):
            yield model, next(t for t in resolution.layers if t.id == terms), None
        if resolution.unresolved or not resolution.layers:
            yield model, None, str(resolution.unresolved or ReasonCode.UNKNOWN_TERMS)
    for reason, model, _ in differences(r.models, policy.terms, terms_day(r.produced_at)):
        yield model, None, reason.value


def _place(index: int, model: ModelSource | None, terms: Terms | None, reason: str | None) -> tuple[object, ...]:
    # A model may be unresolved and contradict its declaration: two rows, though both are without terms.
    return (index, model, terms.id if terms else None, reason if reason in _DIFFERENCES else None)


def _effect(
    group: Iterable[Ruling],
    version: Version,
    closure: Closure,
    policy: Policy,
    use: str,
    waivers: Waivers,
    at: datetime,
) -> tuple[Effect | None, str | None]:
    worst: Effect | None = None
    used: list[str | None] = []
    for said in group:
        worst = said.effect if worst is None else max(worst, said.effect)
        if policy.stops(said.effect, use):
            covering = (w.id for w in waivers if w.covers(said.rule.id, closure.target, said.model, use, at, version))
            used.append(next(covering, None))
    return worst, None if None in used else next(iter(used), None)


def _row(
    node: int,
    r: Reached,
    model: ModelSource | None,
    terms: Terms | None,
    unresolved: str | None,
    influence: Influence,
    counts: bool,
    use: str,
    effect: str,
    waived_by: str | None,
) -> LineageRow:
    return LineageRow(
        node=node,
        kind="model" if model else "version",
        namespace=r.version.namespace,
        name=r.version.name,
        partition=r.version.partition,
        run=r.version.run,
        depth=r.depth,
        influence=influence.value,
        counts=counts,
        use=use,
        completeness=r.completeness.value,
        provenance=None if model else _provenance(r),
        provider=model.provider if model else None,
        model=model.model if model else None,
        channel=model.channel if model else None,
        usage=model.usage.value if model else None,
        terms=terms.id if terms else None,
        restrictions=",".join(sorted(terms.restrictions)) if terms else None,
        unresolved=unresolved,
        effect=effect,
        waived_by=waived_by,
    )


def _provenance(r: Reached) -> str:
    if not r.recorded:
        return ReasonCode.NO_PROVENANCE.value
    complete = r.completeness is Completeness.COMPLETE
    return Completeness.COMPLETE.value if complete else ReasonCode.INCOMPLETE_PROVENANCE.value


def lineage_parameters(closure: Closure, policy: Policy, use: str, all_terms: tuple[Terms, ...]) -> dict[str, Any]:
    """What the policy feeds the lineage suite.

    ``restricted_terms``, ``stopping_gaps`` and ``stopping_unresolved`` hold what stops the use
    whatever the model is; rules that speak of certain models or channels only show in
    ``effect``. Where nothing is restricted the set holds one value that no row has.

    Args:
        closure: gives ``versions``, the number of versions the table must hold.
        policy: rules and terms.
        use: what the step is for.
        all_terms: every entry of the catalog.
    """
    policy = rules_for(closure, policy)
    permitted = [e.name for e in Effect if not policy.stops(e, use)]
    return {
        "use": use,
        "versions": len(closure.reached),
        "permitted_effects": permitted,
        "restricted_terms": sorted(policy.restricted_terms(use, all_terms)) or [NOTHING],
        "stopping_gaps": [*_stopping(policy, use, Subject.GAP, _GAPS), ReasonCode.GUARD_CANNOT_SEE.value],
        "stopping_unresolved": _stopping(policy, use, Subject.UNRESOLVED, _UNRESOLVED) or [NOTHING],
    }


def _stopping(policy: Policy, use: str, on: Subject, reasons: tuple[ReasonCode, ...]) -> list[str]:
    return [reason.value for reason in reasons if policy.stops_reason(use, on, reason)]


def lineage_parameters_digest(policy: Policy, use: str, all_terms: tuple[Terms, ...], waivers: Waivers) -> str:
    """``sha256:`` over everything beside the closure that can change the result.

    Args:
        policy: rules and terms.
        use: what the step is for.
        all_terms: every entry of the catalog.
        waivers: those in force.
    """
    parts = (
        str(TABLE_VERSION),
        use,
        policy.digest,
        policy.terms.digest,
        repr((policy.rules, policy.counts_indirect, policy.unknown_blocks, policy.organisation)),
        json.dumps(sorted(policy.restricted_terms(use, all_terms))),
        repr(waivers),
    )
    return "sha256:" + sha256("\x1f".join(parts).encode()).hexdigest()


def lineage_evidence_key(
    closure: Closure,
    policy: Policy,
    use: str,
    all_terms: tuple[Terms, ...],
    at: datetime,
    suite: str | Path | Suite = "lineage",
    waivers: Waivers = (),
) -> str:
    """Where evidence for this question is filed. Great Expectations is not imported.

    Raises:
        SuiteError: when the suite cannot be loaded.
    """
    return evidence_key(
        load_suite(suite).digest,
        closure.digest,
        lineage_parameters_digest(_of_asset(closure, policy), use, all_terms, _in_force(waivers, at)),
    )


def run_lineage_suite(
    closure: Closure,
    policy: Policy,
    use: str,
    all_terms: tuple[Terms, ...],
    at: datetime,
    suite: str | Path | Suite = "lineage",
    waivers: Waivers = (),
) -> Evidence:
    """Run the lineage suite over a closure. Never raises: what went wrong is in the evidence, which blocks.

    Args:
        closure: what the step would learn from.
        policy: rules and terms.
        use: what the step is for.
        all_terms: every entry of the catalog.
        at: when, timezone-aware UTC.
        suite: name, path or loaded suite.
        waivers: accepted risks; rows they cover are marked ``waived_by`` and pass.

    Example:
        >>> evidence = run_lineage_suite(closure, policy, use, catalog.terms.entries, now)  # doctest: +SKIP
        >>> evidence.passes  # doctest: +SKIP
        True
    """
    return gather(
        suite,
        subject_digest=lambda: closure.digest,
        parameters_digest=lambda: lineage_parameters_digest(
            _of_asset(closure, policy), use, all_terms, _in_force(waivers, at)
        ),
        parameters=lambda: lineage_parameters(closure, policy, use, all_terms),
        table=lambda: _connect(lineage_rows(closure, policy, use, waivers, at)),
        shown=frozenset(LineageRow._fields),
        at=at,
    )


def _of_asset(closure: Closure, policy: Policy) -> Policy:
    """The rules that speak of the asset: the same closure is judged otherwise when its tags were changed."""
    return policy.on(closure.target, closure.asset)


def _in_force(waivers: Waivers, at: datetime) -> Waivers:
    return tuple(w for w in waivers if at < w.expires)


_TYPES: Mapping[str, str] = {"node": "BIGINT", "depth": "BIGINT", "counts": "BOOLEAN"}


def _connect(rows: list[LineageRow]) -> tuple[Any, str]:
    import duckdb

    pa: Any = import_module("pyarrow")
    arrow = {"BIGINT": pa.int64(), "BOOLEAN": pa.bool_(), "VARCHAR": pa.string()}
    schema = pa.schema([(f, arrow[_TYPES.get(f, "VARCHAR")]) for f in LineageRow._fields])
    table = pa.Table.from_arrays(
        [pa.array(c, t) for c, t in zip(zip(*rows, strict=True), schema.types, strict=True)], schema=schema
    )
    connection = duckdb.connect(":memory:")
    connection.register("closure", table)
    connection.execute("CREATE TABLE lineage AS SELECT * FROM closure")
    connection.unregister("closure")
    return connection, "lineage"
