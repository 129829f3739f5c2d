"""How what a step was seen to use differs from what its author declares. Pure.

A declaration is a claim. What answered is kept beside it (``Observation``), becomes models of the
version that was made (``observed_models``), and is held against the claim each time somebody asks
(``differences``), so that history keeps what was seen and never what was made of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import NamedTuple

from lineage_guard.domain.declared.declaration import Declaration
from lineage_guard.domain.declared.observation import ANY, Contact, Observation, ObservedModel
from lineage_guard.domain.declared.provenance import ProductionFacts
from lineage_guard.domain.facts import Assertion, Completeness, ModelSource, Usage
from lineage_guard.domain.names import SELF_HOSTED, channel_name, is_inside, same_model
from lineage_guard.domain.rules.policy import ReasonCode
from lineage_guard.domain.rules.terms import TermsSource


def observed_models(
    observation: Observation, declared: Sequence[ModelSource], *, silent: bool
) -> tuple[ModelSource, ...]:
    """The models of a version that follow from what was seen.

    One that its author declares keeps what the author says of its use; one that nobody declares
    counts as content, for nothing says that it only chose. What answered did so while the version was made, on
    whatever day the author says it did; only weights where training begins may have been taken before.

    Args:
        observation: what was seen.
        declared: the models its author declares, all partitions included.
        silent: whether the author declares nothing at all; then what answered stands in for it.

    Example:
        >>> seen = Observation((ObservedModel("gpt-4o-2024-08-06", "openai", host="api.openai.com"),))
        >>> [m.asserted_by.value for m in observed_models(seen, [ModelSource("openai", "gpt-4o")], silent=False)]
        ['OBSERVED']
    """
    found: list[ModelSource] = []
    for seen in observation.models:
        says = Assertion.INFERRED if silent and seen.model != ANY else Assertion.OBSERVED
        bare = ModelSource(
            provider=seen.provider,
            model=seen.model,
            version=seen.version,
            channel=seen.channel,
            usage=seen.usage or Usage.GENERATION,
            digest=seen.digest,
            asserted_by=says,
        )
        meant = [m for m in declared if same_model(m.model, seen.model) and _took_part(m, observation.partitions)]
        for m in meant:
            found.append(
                replace(
                    m,
                    model=seen.model,
                    version=seen.version,
                    channel=seen.channel,
                    digest=seen.digest,
                    record_count=None,
                    generated_at=m.generated_at if m.usage is Usage.BASE_MODEL else None,
                    asserted_by=says,
                )
            )
        if not meant:
            found.append(bare)
    for host, provider, _ in observation.contacts:
        found.append(ModelSource(provider, ANY, channel=host, asserted_by=Assertion.OBSERVED))
    return tuple(dict.fromkeys(found))


def _took_part(model: ModelSource, partitions: Sequence[str]) -> bool:
    return not partitions or any(model.wrote(p) for p in partitions)


def with_observation(
    facts: ProductionFacts, declaration: Declaration | None, observation: Observation | None, partition: str | None
) -> ProductionFacts:
    """The facts of a version with the models that were seen while it was made.

    Where nobody declares anything, the models that answered stand in for a declaration. It is marked as
    INFERRED, and complete only as far as whoever answered is all there was to be seen.

    Args:
        facts: what follows from the declaration, for this partition.
        declaration: what its author declares, or ``None``.
        observation: what was seen, or ``None``.
        partition: the partition of the version.

    Example:
        >>> from lineage_guard.domain.declared.provenance import production_facts
        >>> seen = Observation((ObservedModel("gpt-4o-2024-08-06", "openai", host="api.openai.com"),))
        >>> facts = with_observation(production_facts(None, has_deps=False, is_external=False), None, seen, None)
        >>> facts.completeness.value, facts.asserted_by.value
        ('COMPLETE', 'INFERRED')
    """
    if not observation:
        return facts
    silent = declaration is None or declaration == Declaration()
    seen = observed_models(observation, declaration.models if declaration else (), silent=silent)
    facts = facts._replace(models=(*facts.models, *(m for m in seen if m.wrote(partition))))
    if not any(m.asserted_by is Assertion.INFERRED for m in facts.models):
        return facts
    note = "nobody declares what made it; the models that were seen to answer stand in for a declaration"
    complete = Completeness.COMPLETE if all(m.model != ANY for m in facts.models) else facts.completeness
    return facts._replace(completeness=complete, asserted_by=Assertion.INFERRED, note=note)


class Difference(NamedTuple):
    """One way in which what was seen is not what is declared."""

    reason: ReasonCode
    model: ModelSource
    how: str


def differences(models: Iterable[ModelSource], terms: TermsSource, on: date | None) -> Iterator[Difference]:
    """Hold what was seen against what is declared, for the models of one version.

    Args:
        models: declared and observed together.
        terms: says whether two channels are the same service.
        on: day of generation.

    Example:
        >>> from lineage_guard.domain.rules.terms import FixedTerms
        >>> mini = ModelSource("openai", "gpt-4o-mini", asserted_by=Assertion.OBSERVED)
        >>> [d.reason.value for d in differences([ModelSource("openai", "gpt-4o"), mini], FixedTerms(), None)]
        ['OBSERVED_OTHER_MODEL']
    """
    everything = list(models)
    seen = [m for m in everything if m.asserted_by is not Assertion.DECLARED]
    if not seen:
        return
    declared = [m for m in everything if m.asserted_by is Assertion.DECLARED]
    for model in seen:
        yield from _differences(model, declared, terms, on)


def _differences(
    model: ModelSource, declared: Sequence[ModelSource], terms: TermsSource, on: date | None
) -> Iterator[Difference]:
    meant = [m for m in declared if same_model(m.model, model.model)]
    # A digest is of weights: what is declared of another channel says nothing of those that answered here.
    here = [m for m in meant if _same_service(m, model, terms, on)]
    said = ", ".join(str(m) for m in declared[:3]) + (" and others" if len(declared) > 3 else "")
    if model.asserted_by is Assertion.INFERRED:
        how = f"nobody declares what made it; {model} was seen to answer, and stands in for a declaration"
        yield Difference(ReasonCode.INFERRED_DECLARATION, model, how)
    elif model.model == ANY:
        how = f"{model.channel}, where {model.provider} answers, was reached, and which model answered was not seen; "
        yield Difference(ReasonCode.OBSERVED_UNDECLARED_PROVIDER, model, how + _declares(said))
    elif not meant:
        known = any(_same_service(m, model, terms, on) or _same_provider(m, model) for m in declared)
        reason = ReasonCode.OBSERVED_OTHER_MODEL if known else ReasonCode.OBSERVED_UNDECLARED_PROVIDER
        yield Difference(reason, model, f"{model} was seen to answer; {_declares(said)}")
    elif not here:
        how = f"{model.model} was seen to answer through {model.channel}; {_declares(said)}"
        yield Difference(ReasonCode.OBSERVED_OTHER_CHANNEL, model, how)
    elif model.digest and all(m.digest and m.digest != model.digest for m in here):
        how = f"the weights of {model.model} that were loaded have the digest {model.digest}, another than is declared"
        yield Difference(ReasonCode.OBSERVED_OTHER_MODEL, model, how)
    if model.channel == SELF_HOSTED and not model.digest and not any(m.digest for m in here):
        how = f"{model.model} answered on this machine, and the digest of its weights was neither seen nor declared"
        yield Difference(ReasonCode.OBSERVED_DIGEST_UNKNOWN, model, how)


def _declares(said: str) -> str:
    return f"declared is {said}" if said else "no model is declared"


def _same_provider(one: ModelSource, other: ModelSource) -> bool:
    return one.provider.strip().lower() == other.provider.strip().lower()


def _same_service(declared: ModelSource, seen: ModelSource, terms: TermsSource, on: date | None) -> bool:
    """Whether a model was seen on the channel that is declared, or on another name of the same service."""
    stated, channel = channel_name(declared.channel), channel_name(seen.channel)
    if stated is None or channel is None or stated == channel:
        return True
    if stated == SELF_HOSTED:
        return is_inside(channel)
    there, here = terms.resolve(declared, on), terms.resolve(replace(declared, channel=seen.channel), on)
    same = {t.id for t in there.layers} == {t.id for t in here.layers}
    return same and bool(here.layers) and not here.unresolved and not there.unresolved


def unexplained(
    contacts: Iterable[Contact],
    models: Sequence[ObservedModel],
    declared: Sequence[ModelSource],
    terms: TermsSource,
    on: date | None,
) -> tuple[Contact, ...]:
    """The contacts that neither a recorded answer nor a declared model accounts for.

    Args:
        contacts: model services that were reached.
        models: models that were seen to answer.
        declared: models that are declared.
        terms: says which service answers on a host.
        on: the day.
    """
    answered = {channel_name(m.host) for m in models}
    return tuple(c for c in contacts if c.host not in answered and not _expected(c, declared, terms, on))


def _expected(contact: Contact, declared: Sequence[ModelSource], terms: TermsSource, on: date | None) -> bool:
    for model in declared:
        if channel_name(model.channel) == contact.host:
            return True
        if channel_name(model.channel) == SELF_HOSTED:
            continue
        stated = terms.resolve(model, on)
        there = terms.resolve(replace(model, channel=contact.host), on)
        if there.layers and not there.unresolved and {t.id for t in there.layers} <= {t.id for t in stated.layers}:
            return True
    return False
