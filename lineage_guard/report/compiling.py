"""Compiles an audit report: from one state of the ledger and what is judged by, and from nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from lineage_guard.domain.errors import ConfigError
from lineage_guard.domain.facts import Production, Version
from lineage_guard.domain.lineage.closure import Ancestry, Closure, extend
from lineage_guard.domain.lineage.filtering import Cure
from lineage_guard.domain.lineage.reached import Reached, terms_day
from lineage_guard.domain.rules.assets import AssetFacts
from lineage_guard.domain.rules.policy import Policy
from lineage_guard.domain.rules.terms import TRAIN_COMPETING, Terms, TermsSource
from lineage_guard.domain.verdict.attested import Attestation, Demand, findings_on_rows
from lineage_guard.domain.verdict.decide import Verdict, decide
from lineage_guard.domain.verdict.judging import judge
from lineage_guard.domain.verdict.modes import Mode
from lineage_guard.ledger.archive.attesting import Attestations
from lineage_guard.ledger.asking.past import Past
from lineage_guard.openlineage.facets import installed_version
from lineage_guard.report.comparing import compared
from lineage_guard.report.contents import (
    Basis,
    Decided,
    Redecided,
    Report,
    Ruling,
    Source,
    Used,
    WaiverText,
)
from lineage_guard.report.gathering import decided, filed, obligations, waived


class Upstream(Protocol):
    """What a step would learn from, less what proven quarantines took out; ``explaining.answering.upstream``."""

    def __call__(
        self, target: Production, ledger: Past, terms: TermsSource, ancestry: Ancestry, /
    ) -> tuple[Closure, tuple[Cure, ...]]:
        """The closure, and what was taken out of it."""
        ...


@dataclass(frozen=True)
class Rulebook:
    """What a report judges by.

    Attributes:
        policy: rules and terms.
        ancestry: what is publicly known of public artefacts.
        catalog_digest: of terms and ancestry.
        waivers: every waiver there is a text of; those in force at the date count.
        use: what the version is for; ``None`` for what the last recorded verdict says.
    """

    policy: Policy
    ancestry: Ancestry
    catalog_digest: str
    waivers: Sequence[WaiverText] = ()
    use: str | None = None


def compile_report(past: Past, version: Version, rulebook: Rulebook, upstream: Upstream) -> Report:
    """Compile the report on one trained version.

    Reads no clock, no environment and no network: the same state of the ledger and the same rulebook give
    the same report.

    Args:
        past: the ledger as it stood; see ``ledger.past.as_of``.
        version: the trained version.
        rulebook: what is judged by.
        upstream: takes out what quarantines proved.

    Raises:
        LedgerError: when the ledger cannot be read.
        ConfigError: when the ledger did not hold the version.
    """
    made = past.productions([version]).get(version)
    if made is None:
        raise ConfigError(
            f"the ledger did not hold {version} as of {past.at.isoformat()}",
            where=past.archive.location,
            fix="name a version that was on record by then, or a later date",
        )
    target = replace(made, outputs=(version, *(v for v in made.outputs if v != version)))
    decisions = decided(past, version)
    use, use_from = _use(rulebook.use, decisions)
    policy = rulebook.policy
    closure, cures = upstream(target, past, policy.terms, rulebook.ancestry)
    closure = replace(closure, asset=_asset(version, decisions))
    # Everything, with what quarantines took out: the verdict leaves it out, an auditor must see it.
    held = past.closure(target)
    everything = extend(held, rulebook.ancestry) if cures else closure
    ids = _ids(everything)
    terms: dict[str, Terms] = {}
    rulings = _rulings(closure, policy, use, terms)
    edges = _edges(everything, past, rulebook.ancestry, ids)
    sources = _sources(everything, closure, held, policy.terms, ids, edges, rulings, terms)
    verdict = _verdict(past, closure, policy, rulebook.waivers, use, decisions, cures)
    redecided = Redecided(verdict, *(compared(decisions[-1].verdict, verdict) if decisions else ((), ())))
    return Report(
        version=version,
        production=made,
        as_of=past.at,
        position=past.position,
        basis=Basis(
            policy=policy.name,
            policy_version=policy.version,
            policy_digest=policy.digest,
            catalog_digest=rulebook.catalog_digest,
            use=use,
            use_from=use_from,
            generator=("lineage-guard", installed_version("lineage-guard")),
        ),
        sources=sources,
        terms=dict(sorted(terms.items())),
        decisions=decisions,
        redecided=redecided,
        obligations=obligations(sources, terms, decisions, verdict),
        waivers=waived(decisions, verdict, rulebook.waivers, past.at),
        evidence=filed(past, decisions, verdict, cures, everything.rows, ids),
        cures=tuple(str(cure) for cure in cures),
        notes=_notes(past, decisions, use, use_from),
    )


def terms_key(terms: Terms) -> str:
    """The name of dated terms within a report.

    Example:
        ``openai-api/2026-01-01``
    """
    return f"{terms.id}/{terms.effective_from.isoformat() if terms.effective_from else 'undated'}"


def _asset(version: Version, decisions: Sequence[Decided]) -> AssetFacts | None:
    """What the definition of the asset said of it, by the newest verdict that states it."""
    told = (d.verdict.asset for d in reversed(decisions) if d.verdict.target[:2] == version[:2])
    return next((facts for facts in told if facts is not None), None)


def _use(given: str | None, decisions: Sequence[Decided]) -> tuple[str, str]:
    if given is not None:
        return given, "given"
    return (decisions[-1].verdict.use, "recorded") if decisions else (TRAIN_COMPETING, "assumed")


def _order(r: Reached) -> tuple[int, str, str, bool, str, bool, str]:
    v = r.version
    return (r.depth, v.namespace, v.name, v.partition is not None, v.partition or "", v.run is not None, v.run or "")


def _ids(closure: Closure) -> dict[Version, str]:
    """Nearest first, then by name: no order of the log or of a search shows."""
    first, *others = _rows(closure)
    return {r.version: f"S{n}" for n, r in enumerate((first, *sorted(others, key=_order)))}


def _rows(closure: Closure) -> list[Reached]:
    """All rows, read together; one at a time, each would be a query."""
    return closure.rows.take(range(len(closure.rows)))


def _edges(closure: Closure, past: Past, ancestry: Ancestry, ids: Mapping[Version, str]) -> dict[str, tuple[str, ...]]:
    """What each source was made from: by its records, by the catalog, and by how it was reached."""
    rows = _rows(closure)
    made = past.productions(r.version for r in rows)
    known = ancestry.productions()
    found: dict[str, set[str]] = {}
    for r in rows:
        for production in (made.get(r.version), known.get(r.version)):
            for each in production.inputs if production else ():
                if each.version in ids and each.version != r.version:
                    found.setdefault(ids[r.version], set()).add(ids[each.version])
        if r.toward >= 0:
            found.setdefault(ids[rows[r.toward].version], set()).add(ids[r.version])
    return {id_: tuple(sorted(inputs, key=lambda i: int(i[1:]))) for id_, inputs in found.items()}


def _rulings(
    closure: Closure, policy: Policy, use: str, terms: dict[str, Terms]
) -> Mapping[Version, tuple[Ruling, ...]]:
    found: dict[Version, dict[Ruling, None]] = {}
    for judged in judge(closure, policy, use):
        j = judged.ruling
        key = terms_key(j.terms) if j.terms else None
        if key is not None and j.terms is not None:
            terms[key] = j.terms
        ruling = Ruling(j.rule.id, j.effect.name, j.reason.value, str(j.model) if j.model else None, key)
        found.setdefault(judged.reached.version, {})[ruling] = None
    return {
        v: tuple(sorted(rs, key=lambda r: (r.model or "", r.rule, r.reason, r.terms or "", r.effect)))
        for v, rs in found.items()
    }


def _sources(
    everything: Closure,
    counted: Closure,
    held: Closure,
    source: TermsSource,
    ids: Mapping[Version, str],
    edges: Mapping[str, tuple[str, ...]],
    rulings: Mapping[Version, tuple[Ruling, ...]],
    terms: dict[str, Terms],
) -> tuple[Source, ...]:
    rows = _rows(everything)
    left = {r.version: frozenset(r.models) for r in _rows(counted)} if counted is not everything else None
    own = {r.version for r in _rows(held) if r.recorded}
    found: list[Source] = []
    for r in rows:
        used: list[Used] = []
        for model in r.models:
            resolution = source.resolve(model, terms_day(model.generated_at or r.produced_at))
            keys = tuple(dict.fromkeys(terms_key(t) for t in resolution.layers))
            terms.update((terms_key(t), t) for t in resolution.layers)
            gone = left is not None and model not in left.get(r.version, frozenset())
            unresolved = resolution.unresolved.value if resolution.unresolved else None
            used.append(Used(model, keys, unresolved, resolution.how, gone))
        record = "ledger" if r.version in own else "catalog" if r.recorded else "nobody"
        toward = ids[rows[r.toward].version] if r.toward >= 0 else None
        id_ = ids[r.version]
        found.append(Source(id_, r, toward, edges.get(id_, ()), tuple(used), rulings.get(r.version, ()), record))
    return tuple(sorted(found, key=lambda s: int(s.id[1:])))


def _verdict(
    past: Past,
    closure: Closure,
    policy: Policy,
    waivers: Sequence[WaiverText],
    use: str,
    decisions: Sequence[Decided],
    cures: Sequence[Cure],
) -> Verdict:
    in_force = tuple(w.waiver for w in waivers if w.in_force(past.at))
    attestations = Attestations(past.archive)

    def attested(demand: Demand, version: Version) -> Attestation | None:
        return attestations.find(version, demand.check, past.at)

    verdict = decide(closure, policy, in_force, use, past.at)
    on_rows = findings_on_rows(closure, policy, use, in_force, past.at, attestations.demands(past.at), attested)
    mode = decisions[-1].verdict.mode if decisions else Mode.ENFORCE
    return replace(verdict.joined(on_rows), mode=mode, cures=tuple(str(cure) for cure in cures))


def _notes(past: Past, decisions: Sequence[Decided], use: str, use_from: str) -> tuple[str, ...]:
    notes = [
        "Recorded verdicts are shown as they were written. The re-decision applies the policy, the catalog and the "
        "waivers that this report was given to what was on record as of its date: terms by the day each model "
        "answered, waivers that were in force on that date.",
        "What was on record as of the date is the log up to the last batch that its writer dated at or before it. "
        "Those dates are the clocks of the writers; the order of the log is not.",
        "Events are in the hash chain of the ledger. Results of suites are kept beside it, each under the digests of "
        "what it is about; the digest of each document is given here.",
        "Terms are research notes, not legal advice: paraphrases of texts as they were read on the dates shown.",
    ]
    if not decisions:
        notes.append(
            "No verdict on this version is on record: no gate stood before its training, or it wrote to another ledger."
        )
    if use_from == "assumed":
        notes.append(f"No recorded verdict says what the version is for; {use} is assumed.")
    if past.position.dropped:
        notes.append(
            f"Retention dropped {past.position.dropped} events of this ledger, of which the digests are left. What the "
            "newest version of each partition was made from is all there; of older ones something may be gone."
        )
    return tuple(notes)
