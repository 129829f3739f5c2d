"""Catalogs in which texts have several versions, begin and end, and rules that ask for the day."""

from datetime import date, timedelta

from hypothesis import strategies as st
from lineage_worlds import effects

from lineage_guard.catalog.entries import Entry
from lineage_guard.catalog.patterns import channel_patterns, id_patterns
from lineage_guard.domain.rules.policy import Match, Rule, Subject
from lineage_guard.domain.rules.terms import USES, Effect, Restriction, Terms
from lineage_guard.domain.verdict.decide import Decision

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
