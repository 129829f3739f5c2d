"""What a finding says, word for word, and in which order findings are read; see docs/mutation.md."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lineage_guard.domain.facts import (
    Acknowledgement,
    Assertion,
    Completeness,
    Influence,
    Input,
    License,
    ModelSource,
    Pin,
    Production,
    Usage,
    Version,
)
from lineage_guard.domain.lineage.closure import close
from lineage_guard.domain.rules.organisation import Organisation, Purpose
from lineage_guard.domain.rules.policy import Match, Policy, ReasonCode, Rule, Subject
from lineage_guard.domain.rules.terms import (
    EVALUATE,
    TRAIN_COMPETING,
    Effect,
    FixedTerms,
    Resolution,
    Restriction,
    Terms,
    Unresolved,
)
from lineage_guard.domain.rules.waivers import Waiver
from lineage_guard.domain.verdict.decide import GUARD_CANNOT_SEE, Decision, Finding, decide, judge

NOW = datetime(2026, 11, 22, tzinfo=UTC)
OUT, A, B, C, D = (Version("d", n) for n in ("out", "a", "b", "c", "e"))


def terms(id, effect, *shapes, **more):
    said = {TRAIN_COMPETING: effect}
    return Terms(id, "P", "", "MIT", said, frozenset(shapes), summary=f"The clause of {id}.", **more)


BAD, ODD, MILD = terms("bad", Effect.BLOCK), terms("odd", Effect.UNKNOWN), terms("mild", Effect.WARN)
LAB = terms("lab", Effect.WARN, Restriction.NON_COMMERCIAL_OUTPUT)
KNOWN = FixedTerms({"bad": (BAD,), "odd": (ODD,), "mild": (MILD,), "lab": (LAB,), "bare": (replace(BAD, summary=""),)})
AS_TERMS = Rule("terms", Subject.MODEL, None, "Terms bind.", "Use another model.")
UNREAD = Rule("unread", Subject.UNRESOLVED, Effect.UNKNOWN, "Nobody has read its terms.", "Name it.")
GAPS = Rule("gaps", Subject.GAP, Effect.UNKNOWN, "Silence is not clean.", "Declare it.")
RULES = (AS_TERMS, UNREAD, GAPS)


def model(name, usage=Usage.GENERATION, **more):
    return ModelSource("p", name, usage=usage, channel="c", **more)


def verdict_on(
    *made, rules=(AS_TERMS, UNREAD, GAPS), pin=Pin.EXACT, use=TRAIN_COMPETING, waivers=(), blind=(), **facts
):
    read = tuple(Input(v, pin=pin) for v in dict.fromkeys(v for p in made for v in p.outputs))
    closure = replace(close(Production((OUT,), inputs=read), made), blind=blind)
    return decide(closure, Policy("p", rules, KNOWN, organisation=Organisation(**facts)), waivers, use, NOW)


def table(*models, at=A, **more):
    return Production((at,), models=models, **more)


def rule(effect, **more):
    return replace(AS_TERMS, id="r", effect=effect, **more)


@pytest.mark.parametrize(
    ("made", "given", "said"),
    [
        (table(model("bad")), {}, "d:a holds generation output of p/bad via c, whose terms (bad) do not permit "
         "train_competing. The clause of bad."),
        (table(model("bare")), {}, "d:a holds generation output of p/bare via c, whose terms (bad) do not permit "
         "train_competing."),
        (table(model("bad")), {"pin": Pin.CONSERVATIVE}, "d:a may hold generation output of p/bad via c, whose terms "
         "(bad) do not permit train_competing. The clause of bad."),
        (table(model("bad", Usage.BASE_MODEL)), {}, "d:a begins from p/bad via c, whose terms (bad) do not permit "
         "train_competing. The clause of bad."),
        (table(model("mild")), {}, "d:a holds generation output of p/mild via c, whose terms (mild) put conditions on "
         "train_competing. The clause of mild."),
        (table(model("odd")), {}, "d:a holds generation output of p/odd via c, whose terms (odd) leave open "
         "train_competing. The clause of odd."),
        (table(model("bad")), {"use": "another"}, "d:a holds generation output of p/bad via c, whose terms (bad) leave "
         "open another. The clause of bad."),
        (table(model("bad")), {"rules": (rule(None, at_most=Effect.WARN),)}, "d:a holds generation output of p/bad "
         "via c, whose terms (bad) do not permit "
         "train_competing; rule r goes no further than warn. The clause of bad."),
        (table(model("lab")), {"purpose": Purpose.COMMERCIAL}, "d:a holds generation output of p/lab via c, whose "
         "terms (lab) do not permit train_competing; this organisation is commercial. The clause of lab."),
        (table(model("mild")), {"rules": (rule(Effect.BLOCK),)}, "d:a holds generation output of p/mild via c, whose "
         "terms (mild) fall under rule r, which stops train_competing. The clause of mild."),
        (table(model("mild")), {"rules": (rule(Effect.WARN),)}, "d:a holds generation output of p/mild via c, whose "
         "terms (mild) fall under rule r, which warns of train_competing. The clause of mild."),
        (table(model("mild")), {"rules": (rule(Effect.UNKNOWN),)}, "d:a holds generation output of p/mild via c, whose "
         "terms (mild) fall under rule r, which leaves open train_competing. The clause of mild."),
        (table(model("new")), {}, "d:a holds output of p/new via c: no catalog entry knows this model (no entry)."),
        (table(model("new")), {"pin": Pin.CONSERVATIVE}, "d:a may hold output of p/new via c: no catalog entry knows "
         "this model (no entry)."),
        (table(model("new", Usage.BASE_MODEL)), {}, "d:a begins from p/new via c: no catalog entry knows this model "
         "(no entry)."),
        (table(model("new")), {"rules": ()}, "d:a holds output of p/new via c: The policy has no rule for this, and "
         "silence is not permission (no entry)."),
        (table(licenses=(License("GPL-3.0-only"),)), {"rules": (rule(Effect.BLOCK, on=Subject.LICENSE),)},
         "d:a is under GPL-3.0-only, declared, which rule r stops for train_competing."),
        (table(licenses=(License("MIT", Acknowledgement.CONCLUDED),)),
         {"rules": (rule(Effect.WARN, on=Subject.LICENSE),)},
         "d:a is under MIT, concluded, which rule r warns of for train_competing."),
        (table(licenses=(License("MIT"),)), {"rules": (rule(Effect.UNKNOWN, on=Subject.LICENSE),)},
         "d:a is under MIT, declared, which rule r leaves open for train_competing."),
        (table(completeness=Completeness.INCOMPLETE, note="half of it is lost"), {},
         "The record of d:a does not say all it was made from: half of it is lost."),
        (table(completeness=Completeness.UNKNOWN), {}, "The record of d:a does not say all it was made from."),
    ],
)  # fmt: skip
def test_a_finding_says_what_was_found_in_one_sentence(made, given, said):
    [found] = verdict_on(made, **given).findings
    assert found.message == said
    assert found.pin is given.get("pin", Pin.EXACT)


@pytest.mark.parametrize(
    ("unresolved", "said"),
    [
        ("UNKNOWN_CHANNEL", "the channel it was reached through is not stated or not known"),
        ("UNKNOWN_TERMS", "not all terms that bind it are in the catalog"),
        ("UNKNOWN_MODEL", "no catalog entry knows this model"),
    ],
)
def test_why_terms_are_not_known_is_said(unresolved, said):
    class Puzzled:
        digest = ""

        def resolve(self, model, on):
            return Resolution(unresolved=Unresolved(unresolved))

    closure = close(Production((OUT,), models=(model("new"),)), [])
    [found] = decide(closure, Policy("p", (UNREAD,), Puzzled()), (), TRAIN_COMPETING, NOW).findings
    assert found.message == f"d:out holds output of p/new via c: {said}."
    assert found.reason == unresolved


def test_a_version_without_a_record_is_said_to_have_none():
    closure = close(Production((OUT,), inputs=(Input(A),)), [])
    [found] = decide(closure, Policy("p", (GAPS,), KNOWN), (), TRAIN_COMPETING, NOW).findings
    assert found == Finding(
        "gaps",
        ReasonCode.NO_PROVENANCE,
        Effect.UNKNOWN,
        "Nothing on record says what d:a was made from.",
        "Declare it.",
        A,
        (OUT, A),
    )


def test_what_was_observed_is_said_as_it_was_seen():
    seen = replace(model("bad"), asserted_by=Assertion.OBSERVED)
    rules = (rule(Effect.ALLOW), replace(AS_TERMS, id="o", on=Subject.OBSERVATION, effect=Effect.WARN))
    [found] = verdict_on(table(model("mild"), seen), rules=rules).findings
    assert found.message.startswith("d:a: ")
    assert found.message.endswith(".")
    assert (found.rule, found.model) == ("o", seen)


def test_a_finding_holds_all_that_was_found():
    german = Version("d", "a", "de", "0192-12345678")
    made = [
        Production((B,), inputs=(Input(german, pin=Pin.CONSERVATIVE),)),
        table(model("bad"), at=german),
        table(model("bad"), at=C),
    ]
    step = Production((OUT,), inputs=(Input(B), Input(C, Influence.INDIRECT)))
    policy = Policy("p", (AS_TERMS,), KNOWN, counts_indirect=True, digest="sha256:p")
    closure = close(step, made, watermark="w1")
    verdict = decide(closure, policy, (), TRAIN_COMPETING, NOW)
    [found] = verdict.findings
    assert found == Finding(
        "terms",
        ReasonCode.RESTRICTED_MODEL,
        Effect.BLOCK,
        "d:c holds generation output of p/bad via c, whose terms (bad) do not permit train_competing. "
        "The clause of bad.",
        "Use another model.",
        C,
        (OUT, C),
        Influence.INDIRECT,
        Pin.EXACT,
        model("bad"),
        BAD,
        versions=2,
    )
    assert replace(verdict, findings=()) == replace(
        verdict,
        decision=Decision.BLOCK,
        stops=True,
        target=OUT,
        use=TRAIN_COMPETING,
        at=NOW,
        findings=(),
        obligations=(),
        policy="p",
        policy_digest="sha256:p",
        closure_digest=closure.digest,
        closure_size=3,
        watermark="w1",
        waivers=(),
    )


def test_what_cannot_be_seen_is_a_finding_at_the_target():
    verdict = verdict_on(blind=("The ledger is behind.",))
    assert verdict.findings == (
        Finding(
            GUARD_CANNOT_SEE.id,
            ReasonCode.GUARD_CANNOT_SEE,
            Effect.BLOCK,
            "The ledger is behind.",
            GUARD_CANNOT_SEE.fix,
            OUT,
            (OUT,),
        ),
    )
    silent = Policy("p", (), KNOWN, unknown_blocks=False)
    closure = replace(close(Production((OUT,)), []), blind=("why",))
    assert decide(closure, silent, (), EVALUATE, NOW).stops


def test_findings_are_read_strictest_first_then_nearest_then_by_name_and_waived_ones_last():
    def at(version, name, **more):
        return table(model(name), at=version, **more)

    far = Production((B,), inputs=(Input(D),))
    waiver = Waiver("w", "terms", "out", "why", "ann", "bob", "T-1", NOW + timedelta(days=60), model="bare")
    made = [at(A, "mild"), at(C, "odd"), far, at(D, "bad"), at(B._replace(name="b2"), "bare")]
    read = tuple(Input(v) for v in (A, C, B, B._replace(name="b2"), Version("d", "z")))
    policy = Policy("p", (AS_TERMS, GAPS), KNOWN)
    verdict = decide(close(Production((OUT,), inputs=read), made), policy, (waiver,), TRAIN_COMPETING, NOW)
    assert [(f.subject.name, f.effect.name, f.waived_by) for f in verdict.findings] == [
        ("e", "BLOCK", None),
        ("z", "UNKNOWN", None),
        ("c", "UNKNOWN", None),
        ("a", "WARN", None),
        ("b2", "BLOCK", "w"),
    ]
    assert verdict.waivers == ("w",)
    extra = replace(verdict.findings[0], subject=A, path=(OUT, A))
    failed = replace(extra, reason=ReasonCode.EXPECTATIONS_FAILED)
    tied = [replace(extra, **c) for c in ({"rule": "u"}, {"model": model("z")}, {"subject": B}, {"message": "x"})]
    joined = verdict.joined([failed, *tied[::-1], extra])
    assert joined.findings == (
        extra, tied[3], tied[2], tied[1], tied[0], verdict.findings[0], failed, *verdict.findings[1:]
    )  # fmt: skip


def test_a_waiver_for_certain_data_leaves_the_rest_of_a_finding_open():
    tables = [table(model("bad"), at=v) for v in (A, B, C)]
    here = [
        Waiver(f"w-{n}", "terms", "out", "why", "ann", "bob", "T-1", NOW + timedelta(days=60), model="bad", dataset=n)
        for n in ("b", "c")
    ]
    verdict = verdict_on(*tables, waivers=tuple(here))
    assert [(f.subject, f.versions, f.waived_by, f.path) for f in verdict.findings] == [
        (A, 1, None, (OUT, A)),
        (B, 1, "w-b", (OUT, B)),
        (C, 1, "w-c", (OUT, C)),
    ]
    assert (verdict.decision, verdict.stops, verdict.waivers) == (Decision.BLOCK, True, ("w-b", "w-c"))
    verdict = verdict_on(*tables, waivers=(replace(here[0], use=TRAIN_COMPETING),))
    assert [(f.versions, f.waived_by) for f in verdict.findings] == [(2, None), (1, "w-b")]
    everywhere = replace(here[0], id="w-all", dataset=None)
    verdict = verdict_on(*tables, waivers=(*here, everywhere))
    assert [(f.versions, f.waived_by) for f in verdict.findings] == [(3, "w-all")]
    assert (verdict.decision, verdict.stops) == (Decision.WAIVED, False)
    for change in ({"rule": "other"}, {"expires": NOW}, {"use": EVALUATE}, {"model": "mild"}, {"asset": "in"}):
        verdict = verdict_on(*tables, waivers=(replace(here[0], **change),))
        assert [(f.versions, f.waived_by) for f in verdict.findings] == [(3, None)]


def test_versions_that_show_the_same_are_one_finding_and_others_are_not():
    """The same rule, reason, effect, terms, provider, model and channel; anything else may differ."""
    one = model("bad")
    day = NOW - timedelta(days=300)
    same = (replace(one, version="v2"), replace(one, usage=Usage.TRANSLATION), replace(one, generated_at=day))
    made = [table(m, at=Version("d", f"t{n}")) for n, m in enumerate((one, *same))]
    assert [f.versions for f in verdict_on(*made).findings] == [4]
    other = (replace(one, provider="q"), replace(one, model="bare"), replace(one, channel="e"))
    made = [table(m, at=Version("d", f"t{n}")) for n, m in enumerate((one, *other))]
    assert [f.versions for f in verdict_on(*made).findings] == [1] * 4
    both = table(one, replace(one, usage=Usage.TRANSLATION))
    assert [f.versions for f in verdict_on(both).findings] == [1]


def test_duties_are_listed_once_in_the_order_in_which_they_are_met():
    owed = replace(MILD, obligations=("Say so.", "Keep it."))
    policy = Policy("p", (rule(Effect.ALLOW),), FixedTerms({"m": (owed,), "n": (replace(owed, id="n"),)}))
    attribution = License("CC-BY-4.0", obligations=("Name them.",))
    made = [table(model("m"), licenses=(attribution,)), table(model("n"), at=B, licenses=(attribution,))]
    step = Production((OUT,), inputs=(Input(A), Input(B)))
    verdict = decide(close(step, made), policy, (), TRAIN_COMPETING, NOW)
    assert verdict.obligations == ("CC-BY-4.0: Name them.", "P: Say so.", "P: Keep it.")
    assert verdict.decision is Decision.ALLOW


@pytest.mark.parametrize("on", list(Subject))
def test_a_reason_stops_where_a_rule_that_holds_whatever_the_model_is_stops_it(on):
    reason = ReasonCode.NO_PROVENANCE

    def stops(*rules, use=TRAIN_COMPETING, blocks=True):
        return Policy("p", rules, KNOWN, unknown_blocks=blocks).stops_reason(use, on, reason)

    def house(effect, **more):
        return Rule("r", on, effect, "why", "fix", **more)

    elsewhere = next(s for s in Subject if s is not on)
    assert stops(house(Effect.BLOCK))
    assert stops(house(Effect.UNKNOWN))
    assert not stops(house(Effect.UNKNOWN), blocks=False)
    assert not stops(house(Effect.UNKNOWN), use=EVALUATE)
    assert not stops(house(Effect.WARN))
    assert stops(house(None)), "it says no more than that the terms decide, and none are known"
    assert stops(house(Effect.WARN), house(Effect.BLOCK, match=Match(use=(TRAIN_COMPETING,))))
    assert not stops(house(Effect.WARN), house(Effect.BLOCK, match=Match(use=(EVALUATE,))))
    assert not stops(house(Effect.WARN), house(Effect.BLOCK, match=Match(model=("m",)))), "it may be another model"
    assert not stops(house(Effect.WARN, match=Match(model=("m",)))), "some rule may speak"
    assert stops(house(Effect.WARN, match=Match(reason=("NO_RULE",)))), "no rule speaks of this reason"
    assert stops(house(Effect.WARN, narrows=True)), "a rule that narrows breaks no silence"
    assert stops(), "silence is not permission"
    assert not stops(use=EVALUATE)
    assert not stops(blocks=False)
    assert not stops(house(Effect.WARN), replace(house(Effect.BLOCK), on=elsewhere))


def test_rows_are_judged_one_by_one_in_order_with_the_model_of_each():
    made = [table(model("bad", version=f"v{n}"), at=v) for n, v in enumerate((A, B))]
    closure = close(Production((OUT,), inputs=(Input(A), Input(B))), made)
    judged = list(judge(closure, Policy("p", (AS_TERMS,), KNOWN), TRAIN_COMPETING))
    assert [(j.index, j.reached.version, j.ruling.model.version) for j in judged] == [(1, A, "v0"), (2, B, "v1")]


def test_every_rule_that_speaks_of_a_gap_has_its_say_of_each():
    rules = (GAPS, replace(GAPS, id="g2", effect=Effect.WARN), replace(GAPS, id="g3", effect=Effect.ALLOW))
    made = [table(completeness=Completeness.UNKNOWN, at=v) for v in (A, B)]
    verdict = verdict_on(*made, rules=rules)
    assert [(f.rule, f.subject, f.versions) for f in verdict.findings] == [
        ("gaps", A, 1), ("gaps", B, 1), ("g2", A, 1), ("g2", B, 1)
    ]  # fmt: skip
    allowed_first = verdict_on(*made, rules=rules[::-1])
    assert allowed_first.findings == verdict.findings


def test_what_is_unknown_stops_training_and_not_an_evaluation():
    for use, stops in ((TRAIN_COMPETING, True), (EVALUATE, False)):
        verdict = verdict_on(table(model("new")), use=use)
        assert (verdict.decision, verdict.stops, verdict.use) == (Decision.UNKNOWN, stops, use)


def test_a_rule_applies_terms_as_they_stand_to_nobody_in_particular():
    assert AS_TERMS.effect_of(BAD, TRAIN_COMPETING) is Effect.BLOCK
    assert AS_TERMS.effect_of(BAD, "another") is Effect.UNKNOWN
    assert AS_TERMS.effect_of(LAB, TRAIN_COMPETING, Organisation(purpose=Purpose.COMMERCIAL)) is Effect.BLOCK
    assert AS_TERMS.effect_of(LAB, TRAIN_COMPETING) is Effect.WARN


def test_the_family_of_a_base_model_is_the_one_of_its_day():
    """A base under last year's terms is not of the family that this year's terms open."""
    shut = terms("shut", Effect.BLOCK, Restriction.OTHER_MODEL_FAMILIES, permitted_families=("t2026",))

    class ByYear:
        digest = ""

        def resolve(self, model, on):
            years = [on.year] if on else [2025, 2026]
            bound = (shut,) if model.model == "shut" else tuple(terms(f"t{y}", Effect.ALLOW) for y in years)
            return Resolution(bound)

    def decided(made, generated):
        base = ModelSource("p", "base", usage=Usage.BASE_MODEL, generated_at=generated)
        step = Production((OUT,), inputs=(Input(A),), models=(base,), produced_at=made)
        closure = close(step, [table(model("shut"))])
        return decide(closure, Policy("p", (AS_TERMS,), ByYear()), (), TRAIN_COMPETING, NOW).decision

    last = NOW.replace(year=2025)
    assert decided(NOW, None) is Decision.UNKNOWN, "the bar falls; the terms say nothing of an internal model"
    assert decided(last, None) is Decision.BLOCK
    assert decided(last, NOW) is Decision.UNKNOWN
    assert decided(NOW, last) is Decision.BLOCK


def test_the_family_of_a_base_model_behind_a_reseller_is_the_one_of_its_day_too():
    shut = terms("shut", Effect.BLOCK, Restriction.OTHER_MODEL_FAMILIES, permitted_families=("t2026",))

    class Resold:
        digest = ""
        turns = (NOW.date().replace(month=1, day=1),)

        def resolve(self, model, on):
            year = on.year if on else "?"
            return Resolution(
                (shut,) if model.model == "shut" else (terms(f"t{year}", Effect.ALLOW), terms("host", Effect.ALLOW))
            )

    def decided(generated):
        base = ModelSource("p", "base", usage=Usage.BASE_MODEL, generated_at=generated)
        closure = close(Production((OUT,), inputs=(Input(A),), models=(base,)), [table(model("shut"))])
        return decide(closure, Policy("p", (AS_TERMS,), Resold()), (), TRAIN_COMPETING, NOW).decision

    assert decided(NOW) is Decision.UNKNOWN, "the bar falls"
    assert decided(NOW.replace(year=2025)) is Decision.BLOCK
    assert decided(None) is Decision.BLOCK, "it may have been any day"
