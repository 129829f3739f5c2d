"""What the pages say a verdict is, by brute force: docs/policy.md, catalog.md, waivers.md and influence.md.

All ways, all rules, every version of a text; nothing of the package is imported, nothing is remembered. Where this and
``decide`` differ, the code, a page or this is wrong, and a reader of the page decides which. That was done once for all
of it: where code and page differed and the code was right, the page was corrected and this follows the page.
"""

import re
from datetime import date, timedelta
from fnmatch import fnmatchcase

from ancestry_oracle import ancestors, joined

ALLOW, WARN, UNKNOWN, BLOCK = range(4)
LEVELS = {"allow": ALLOW, "warn": WARN, "unknown": UNKNOWN, "block": BLOCK}
NO, MAYBE, YES = range(3)
BARS = {"COMPETING_MODELS", "ANY_MODEL", "OTHER_MODEL_FAMILIES", "NON_COMMERCIAL_OUTPUT", "PURPOSE_AT_GENERATION"}


def decide(case):
    """The decision, whether the step is stopped, and what was found: rule, effect, place, model, terms."""
    return decided(case, findings(case))


def decided(case, found):
    """The same of what was found already."""
    left = [f for f in found if not any(covers(w, f, case) for w in case["waivers"])]
    worst = max((effect for _, effect, *_ in left), default=ALLOW)
    stops = worst == BLOCK or (worst == UNKNOWN and case["unknown_blocks"] and trains(case["use"]))
    word = "WAIVED" if worst == ALLOW and found else ["ALLOW", "WARN", "UNKNOWN", "BLOCK"][worst]
    return word, stops, found


def findings(case):
    steps = joined(case, names, lambda model: bound_itself(case["terms"], model))
    found, trained = [], steps[case["target"]]["models"]
    # policy.md: which family a student is of follows from the weights that its training begins from.
    begun = [(m, *resolve(case["terms"], m, m["day"])) for m in trained if m["usage"] == "BASE_MODEL"]
    # A fine-tune is of the family of what it is stated to be made from, if it is known itself.
    bases = [(texts, doubt) for m, texts, doubt in begun if doubt or not m.get("base_models")]
    # Every version must be of the family; an agreement that binds besides takes the weights out of none.
    public = [([t for t in texts if not t.get("only_when_named")] or texts, doubt) for texts, doubt in bases]
    family = [{"nobody knows"} if doubt else {t["id"] for t in texts} for texts, doubt in public]
    for place, direct in reached(steps, case["target"]).items():
        step = steps.get(place)
        if not direct and not case["counts_indirect"]:
            continue
        # provenance: missing is never clean.
        gap = "NO_PROVENANCE" if step is None else "INCOMPLETE_PROVENANCE" if step["complete"] != "COMPLETE" else None
        if gap:
            found += rulings(case, "gap", place, direct, {"reason": gap})
        for m in step["models"] if step else []:
            content = direct and m["usage"] not in ("FILTER", "SCORING")
            if not content and not case["counts_indirect"]:
                continue
            # Of what weights were made from nobody knows when it was taken.
            day = None if "shown" in m else m["day"] or step["day"]
            texts, doubt = resolve(case["terms"], m, day)
            about = {"model": m, "day": day, "second_hand": step.get("second_hand", False)}
            for t in texts:
                found += rulings(case, "model", place, content, about | {"terms": t}, family)
            if doubt:
                found += rulings(case, "unresolved", place, content, about | {"reason": doubt})
        for expression, said_by in step["licenses"] if step else []:
            found += licensed(case, place, direct, expression, said_by)
    return [f for f in found if f[1] > ALLOW]


def reached(steps, target):
    """Every version upstream, and whether some way to it is content all along (influence.md)."""
    found = {}

    def follow(place, direct, behind):
        found[place] = found.get(place, False) or direct
        for name, influence in steps[place]["reads"] if place in steps else []:
            if name not in behind:
                follow(name, direct and influence == "DIRECT", behind | {name})

    follow(target, True, {target})
    return found


def bound_itself(terms, model):
    """Whether a public model is judged itself: not where it is without terms, and what it was made from is known."""
    by_id = any(exact(t, {"provider": "", "model": model["artefact"]}) for t in terms if not t.get("only_when_named"))
    return model.get("terms") or by_id or not ancestors(model)


# --- catalog.md: the key is (model id, channel, day of generation)


def resolve(terms, model, day):
    """The texts that bind, and the doubt that is left."""
    public = [t for t in terms if not t.get("only_when_named")]
    named = next((t for t in terms if t["id"] == model.get("terms")), None)
    missing = "UNKNOWN_TERMS" if model.get("terms") and not named else None
    if named:
        first, last = begins(named), ends(named)
        in_time = last is None if day is None else first <= day and (last is None or day <= last)
        if exact(named, model) and host(model) in (None, *named["channels"]) and in_time:
            return [named], None
    known = [t for t in public if exact(t, model)]
    besides = [named] if named else []
    if not known:
        return besides, missing or "UNKNOWN_MODEL"
    everywhere = {at for t in known for at in t["channels"]}
    doubt = "UNKNOWN_CHANNEL" if host(model) not in (None, *everywhere) else None
    channels = {host(model)} if host(model) in everywhere else everywhere
    binding, texts = [], {}
    for at in channels:
        there = [t for t in known if at in t["channels"]]
        best = max(exact(t, model) for t in there)
        binding += [t for t in there if exact(t, model) == best and t not in binding]
    for t in binding:
        texts.setdefault(t.get("series", t["id"]), []).append(t)
    answers = [in_force(sorted(versions, key=begins), day) for versions in texts.values()]
    if any(over for _, over in answers):
        doubt = doubt or "UNKNOWN_TERMS"
    return [t for bound, _ in answers for t in bound] + besides, missing or doubt


def in_force(versions, day):
    """Those that bind on a day, and whether the last one on file has ended. Without a day every version binds."""
    if day is None:
        return versions, ends(versions[-1]) is not None
    if day < begins(versions[0]):
        return versions[:1], False
    bound = []
    for v, later in zip(versions, [*versions[1:], None], strict=True):
        until = max(ends(v) or date.min, begins(later) - timedelta(1)) if later else ends(v) or date.max
        bound += [v] if begins(v) <= day <= until else []
        bound += [later] if later and ends(v) and ends(v) < day < begins(later) else []
    return (bound, False) if bound else (versions[-1:], True)


def begins(terms):
    return date.fromisoformat(terms.get("effective_from", "0001-01-01"))


def ends(terms):
    return date.fromisoformat(terms["effective_until"]) if "effective_until" in terms else None


def exact(terms, model):
    """How exactly terms name a model: the letters of the pattern; 0 where they do not."""
    return max((len(p.strip("*")) for p in terms["models"] if any(like(n, p) for n in names(model))), default=0)


def names(model):
    """A model's id; without its owner; without the day of a snapshot; and with its provider before it."""
    owned = model["model"] if "/" in model["model"] else f"{model['provider']}/{model['model']}"
    ids = [model["model"], model["model"].split("/")[-1], owned]
    return ids + [re.sub(r"-\d{4}-\d\d-\d\d$", "", id) for id in ids]


def host(model):
    channel = model["channel"]
    return re.sub(r"^https://|/.*$", "", channel.lower()) if channel else None


# --- policy.md: rules add up, and silence is no permission


def rulings(case, on, place, content, what, family=()):
    """What each rule says that holds or may hold, and UNKNOWN where none surely does that is not only added."""
    found, spoken = [], False
    for rule in case["rules"]:
        sure = holds(rule, case, place, content, what) if rule["on"] == on else NO
        spoken = spoken or (sure == YES and not rule.get("added"))
        if sure != NO:
            as_terms = rule["effect"] == "as_terms"
            said = follows(what["terms"], case, family) if as_terms else LEVELS[rule["effect"]]
            found.append((rule["id"], min(said, LEVELS[rule.get("at_most", "block")])))
    found += [] if spoken else [("no-rule", UNKNOWN)]
    model, terms = what.get("model"), what.get("terms")
    return [(rule, effect, place, model and shown(model), terms and terms["id"]) for rule, effect in found]


def holds(rule, case, place, content, what):
    when, model, terms = rule.get("when", {}), what.get("model"), what.get("terms")
    answers = [
        condition(when.get("use"), [case["use"]]),
        condition(when.get("dataset"), called(place)),
        condition(when.get("asset"), [case["target"], f"default:{case['target']}"]),
        condition(when.get("influence"), ["direct" if content else "indirect"]),
        condition(when.get("reason"), [what.get("reason", "")]),
    ]
    if model:
        channel, offered = model["channel"], [terms["provider"]] if terms else []
        # Of what others were made from, its terms say whose it is.
        owner = terms["provider"] if terms and "shown" in model else None
        offered += [] if terms and "shown" in model else [model["provider"]]
        stated = condition(when.get("channel"), [channel], [host(model)]) if channel else MAYBE
        answers += [
            condition(when.get("provider"), offered),
            condition(when.get("model"), [model["model"]], names(model | ({"provider": owner} if owner else {}))),
            stated if "channel" in when else YES,
            generated(when.get("generated", {}), what["day"]),
            condition(when.get("origin"), ["second_hand" if what["second_hand"] else "first_party"]),
        ]
    if terms:
        answers += [
            condition(when.get("terms"), [terms["id"]]),
            condition(when.get("restriction"), terms["restrictions"]),
            condition(when.get("confidence"), [terms["confidence"]]),
        ]
    return min(answers)


def shown(model):
    """The model by which a finding is known: of one that others were made from, those."""
    return model.get("shown", model["model"])


def called(place):
    """A dataset's name, and its namespace and name."""
    return [place.split(":", 1)[1], place] if ":" in place else [place, f"default:{place}"]


def condition(patterns, values, others=()):
    """Lists are alternatives, a leading ``!`` excludes; of another spelling nobody is certain."""
    patterns = [patterns] if isinstance(patterns, str) else patterns or []
    wanted, barred = [p for p in patterns if p[0] != "!"], [p[1:] for p in patterns if p[0] == "!"]

    def any_of(texts, asked):
        return any(like(text, p) for text in texts for p in asked)

    if any_of(values, barred) or (wanted and not any_of([*values, *others], wanted)):
        return NO
    return MAYBE if any_of(others, barred) or (wanted and not any_of(values, wanted)) else YES


def generated(days, day):
    if not days or day is None:
        return MAYBE if days else YES
    return YES if days.get("from", "") <= day.isoformat() <= days.get("until", "9999") else NO


def licensed(case, place, direct, expression, said_by):
    """Of what may be chosen the loosest; a LicenseRef is chosen where a rule speaks of it, or where it binds anyway."""
    spoken = {}
    for name in ways(expression)[0].union(*ways(expression)):
        asked = [r for r in case["rules"] if r["on"] == "license" and condition(r["when"].get("license"), [name])]
        asked = [r for r in asked if condition(r["when"].get("acknowledgement"), [said_by.lower()])]
        asked = [r for r in asked if holds(r, case, place, direct, {})]
        spoken[name] = [(r["id"], min(LEVELS[r["effect"]], LEVELS[r.get("at_most", "block")])) for r in asked]
    outright = frozenset.intersection(*ways(expression))
    got = [n for n in spoken if n in outright or "LicenseRef" not in n or (spoken[n] and opened(case, n))]
    had = [w for w in ways(expression) if all(n in got for n in w)]
    said = [[f for name in way for f in spoken[name]] for way in had or ways(expression)]
    loosest = min(said, key=lambda rules: (max((e for _, e in rules), default=ALLOW), len(rules)))
    return [(rule, effect, place, None, None) for rule, effect in loosest]


def opened(case, license):
    """Whether every policy behind the rules says that a licence may be got; see the oracle of imports."""
    return "opened" not in case or case["opened"](license)


def ways(expression):
    """Each way to satisfy an expression, as the licences that bind then; it is a name, or (AND or OR, left, right)."""
    if isinstance(expression, str):
        return [frozenset([expression])]
    left, right = ways(expression[1]), ways(expression[2])
    return left + right if expression[0] == "OR" else [a | b for a in left for b in right]


def follows(terms, case, family, use=None):
    """What terms say for a use, and what facts about the organisation make of it."""
    use, facts, shapes = use or case["use"], case["organisation"], set(terms["restrictions"])
    unread, bars = terms["confidence"] == "memory", shapes & BARS
    said = proposed = max(LEVELS[terms["effects"][use]], UNKNOWN if unread else ALLOW)
    lifted = {
        "COMPETING_MODELS": terms["providers"][0] not in facts.get("competes_with", terms["providers"]),
        "NON_COMMERCIAL_OUTPUT": facts.get("purpose") == "research",
        "OTHER_MODEL_FAMILIES": family and all(f <= set(terms.get("permitted_families", ())) for f in family),
    }
    fallen = {bar for bar, is_lifted in lifted.items() if is_lifted}
    # That one competes with others says nothing of a model for the house.
    touched = use == "train_competing" or bars - {"COMPETING_MODELS"}
    if trains(use) and said == BLOCK and bars and bars <= fallen and touched:
        inside = "train_internal_generative"
        said = max(WARN, follows(terms, case, family, inside)) if use == "train_competing" else WARN
        said = max(said, UNKNOWN if unread else WARN)
    if said == WARN and shapes and not bars and trains(use) and facts.get("distributes_models") is False:
        said = ALLOW
    if facts.get("purpose") == "commercial" and "NON_COMMERCIAL_OUTPUT" in shapes and trains(use) and proposed > ALLOW:
        said = BLOCK
    limits = terms.get("limits", {})
    for fact, limit in (("monthly_users", "monthly_active_users"), ("annual_revenue_usd", "annual_revenue_usd")):
        if facts.get(fact, 0) > limits.get(limit, 1e18):
            said = max(said, BLOCK if limits["above"] == "license" else WARN)
    return said


# --- waivers.md


def covers(waiver, finding, case):
    rule, _, place, model, _ = finding
    return (
        waiver["rule"] == rule
        and fnmatchcase(case["target"], waiver["asset"])
        and waiver["use"] in (None, case["use"])
        and fnmatchcase(case["partition"] or "", waiver["partition"] or "*")
        and (fnmatchcase(model, waiver["model"] or "") if model else waiver["model"] is None)
        and any(fnmatchcase(name, waiver["dataset"] or "*") for name in called(place))
        and case["now"] < waiver["expires"]
        and waiver["requested_by"] != waiver["approved_by"]
    )


def trains(use):
    return use not in ("evaluate", "rag_or_inference_context")


def like(text, pattern):
    return fnmatchcase(text.lower(), pattern.lower())
