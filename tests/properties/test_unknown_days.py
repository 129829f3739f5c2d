"""A day that nobody knows permits nothing that any day it may have been forbids; over catalogs of several versions."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from lineage_worlds import NOW, effects, organisations, uses

from lineage_guard.catalog.entries import Entry
from lineage_guard.catalog.match import CatalogTerms
from lineage_guard.catalog.patterns import channel_patterns, id_patterns
from lineage_guard.domain.facts import Input, ModelSource, Production, Usage, Version
from lineage_guard.domain.lineage.closure import close
from lineage_guard.domain.rules.policy import Match, Policy, Rule, Subject
from lineage_guard.domain.rules.terms import USES, Effect, Restriction, Terms
from lineage_guard.domain.verdict.decide import Decision, decide

ORDER = [Decision.ALLOW, Decision.WARN, Decision.UNKNOWN, Decision.BLOCK]
DAY = timedelta(days=1)
DAYS = [date(2026, month, 1) for month in range(1, 7)]
AGREED = "agreed"
days = st.sampled_from(DAYS)
shapes = st.sampled_from([("OTHER_MODEL_FAMILIES",)] * 2 + [(), ("COMPETING_MODELS",), ("NON_COMMERCIAL_OUTPUT",)])
milder, any_effect = st.sampled_from([Effect.ALLOW, Effect.WARN]), st.sampled_from([Effect.BLOCK, *Effect])


@st.composite
def entries(draw):
    """Versions of a base model's and of a teacher's text, in any order of days, and an agreement on the teacher."""
    found = []
    bases = [f"base-{n}" for n in range(draw(st.integers(1, 3)))]
    for id in [*bases, *(f"teacher-{n}" for n in range(draw(st.integers(1, 2)))), AGREED]:
        said = draw(any_effect if id.startswith("teacher") else milder)
        terms = Terms(
            id,
            "Acme",
            "open_weights",
            "LicenseRef-acme",
            dict.fromkeys(USES, said),
            frozenset(map(Restriction, draw(shapes))),
            effective_from=draw(st.none() | days),
            permitted_families=tuple(b for b in bases if draw(st.booleans())),
        )
        name = "teacher" if id == AGREED else id[:-2]
        acme = frozenset({"acme"})
        found.append(
            Entry(
                terms,
                acme,
                id_patterns([name], acme),
                channels=channel_patterns(["self-hosted"]),
                series=draw(st.sampled_from([name, name, name, None])) if id != AGREED else None,
                effective_until=draw(st.none() | days),
                only_when_named=id == AGREED,
            )
        )
    return found


rules = st.builds(
    lambda n, effect, begins, at_most: Rule(
        f"r{n}", Subject.MODEL, effect, "why", "fix", Match(generated_from=begins), at_most
    ),
    st.integers(0, 9),
    st.none() | effects,
    st.none() | days,
    effects,
)
as_terms = Rule("as-terms", Subject.MODEL, None, "why", "fix")
unresolved = Rule("unresolved", Subject.UNRESOLVED, Effect.WARN, "why", "fix")


@settings(max_examples=20)
@given(
    entries(),
    st.lists(rules, max_size=1),
    organisations,
    st.sampled_from([None, "teacher-0", AGREED]),
    st.sampled_from([(), (), ("base",), ("teacher",)]),
    uses,
)
def test_an_unknown_day_never_permits_more_than_any_day_it_may_have_been(known, more, facts, named, made_from, use):
    catalog = CatalogTerms(known)
    policy = Policy("p", (as_terms, unresolved, *more), catalog, organisation=facts)
    # Who names a text without saying a day says which version it is, and of an agreement that it had begun.
    since = {None: date.min, AGREED: known[-1].terms.effective_from or date.min}.get(named, date.max)

    def decided(taught, begun):
        def at(day):
            return day and datetime(day.year, day.month, day.day, tzinfo=UTC)

        teacher = ModelSource("acme", "teacher", channel="self-hosted", terms=named, generated_at=at(taught))
        base = ModelSource(
            "acme",
            "base",
            channel="self-hosted",
            usage=Usage.BASE_MODEL,
            generated_at=at(begun),
            base_models=made_from,
        )
        data = Version("d", "data")
        step = Production((Version("d", "student"),), inputs=(Input(data),), models=(base,))
        verdict = decide(close(step, [Production((data,), models=(teacher,))]), policy, (), use, NOW)
        return ORDER.index(verdict.decision)

    every = sorted({d + n * DAY for d in DAYS for n in (-1, 0)})
    assert all(decided(None, None) >= decided(day, None) for day in every if day >= since)
    assert all(decided(DAYS[2], None) >= decided(DAYS[2], day) for day in every)
