"""Chains of policy files for the oracle of imports: diamonds, overrides, templates, facts; some try to loosen."""

import imports_oracle
from verdict_cases import CONDITIONS, ON, organisation, rule, waiver

EFFECTS = ["allow", "warn", "unknown", "block"]


def root(rng, name):
    """A policy that stands for itself; most have something to say of everything."""
    ids = [f"r{i}" for i in range(rng.randint(0, 3))]
    rules = [rule(rng, id, True) for id in ids]
    for id, on in (("model-terms", "model"), ("unknown-model", "unresolved"), ("missing-provenance", "gap")):
        if rng.random() < 0.85:
            effect = rng.choice(["as_terms"] * 5 + EFFECTS if on == "model" else [*EFFECTS, "warn"])
            rules.append({"id": id, "on": on, "effect": effect, "reason": "why", "fix": "fix"})
    rules = rules or [rule(rng, "r0", True)]
    rules += [of_licence(rng, id) for id in rng.sample(["r7", "r8", "r9"], rng.choice([0, 0, 1, 2]))]
    rng.shuffle(rules)
    file = {"format": 1, "name": name, "rules": rules} | who(rng)
    return file | {k: rng.random() < 0.5 for k in ("counts_indirect", "unknown_blocks") if rng.random() < 0.5}


def who(rng, facts=None):
    if rng.random() < 0.4:
        return {"template": True}
    facts = organisation(rng) if facts is None or rng.random() < 0.3 else facts
    return {"organisation": facts} if facts else {}


def of_licence(rng, id):
    """A rule on licences, often on one that has to be got first."""
    license = rng.choice(["CC-BY-NC-*", "LicenseRef-*", "LicenseRef-Bought", ["!MIT", "!LicenseRef-*"], "CC-BY-NC-4.0"])
    when = {"license": license} | ({"acknowledgement": "declared"} if rng.random() < 0.1 else {})
    effect = rng.choice(["allow", "warn", "block"] if id[0] == "r" else ["warn", "block"])
    return {"id": id, "on": "license", "when": when, "effect": effect, "reason": "why", "fix": "fix"}


def few(rng, case):
    """The same with little in it, so that what one rule says is not outdone by another."""
    steps = dict(case["steps"])
    names = [name for name in steps if name != case["target"]]
    kept = set(rng.sample(names, min(len(names), rng.choice([0, 1, 1, 2]))))
    for name in names:
        step = steps[name] | {"models": steps[name]["models"][:1] if name in kept else []}
        if rng.random() < 0.8:
            step |= {"complete": "COMPLETE", "artefact": None}
        if step["licenses"] or rng.random() < 0.3:
            step["licenses"] = [(("OR", "CC-BY-NC-4.0", "LicenseRef-Bought"), "DECLARED")] if rng.random() < 0.7 else []
        steps[name] = step | {"reads": [(n, how) for n, how in step["reads"] if n in steps]}
    student = steps[case["target"]]
    student = student | {"reads": [(n, how) for n, how in student["reads"] if n in steps]}
    return case | {"steps": steps | {case["target"]: student}}


def narrowing(rng, files, name):
    """A policy that imports some, adds rules and overrides imported ones, mostly as it may."""
    others = [*files, "default", "strict", "research", "observe"]
    few = rng.choice([1, 1, 2, 2, 3])
    named = rng.sample(others[: len(files)] * 2 + others, few)
    named = list(dict.fromkeys(named))
    known = [r for other in named for file in imports_oracle.behind(files, other) for r in file.get("rules", [])]
    rules = {f"own-{name}": rule(rng, f"own-{name}", False)} if rng.random() < 0.5 else {}
    if rng.random() < 0.3:
        rules["s7"] = of_licence(rng, "s7")
    if known and rng.random() < 0.6:
        over = override(rng, rng.choice(known))
        rules[over["id"]] = over
    facts = {}
    for other in named:
        facts |= imports_oracle.facts_of(files, other)[0]
    said = [f"{n}.yaml" if n in files and n not in imports_oracle.SHIPPED else n for n in named]
    file = {"format": 1, "name": name, "import": said[0] if len(said) == 1 and rng.random() < 0.5 else said}
    file |= {"rules": list(rules.values())} if rules else {}
    file |= who(rng, facts) if rng.random() < 0.4 else {}
    return file | {k: rng.random() < 0.8 for k in ("counts_indirect", "unknown_blocks") if rng.random() < 0.15}


def override(rng, imported):
    """A rule under an imported id: wider or narrower in a condition, stricter or looser in its effect, or as it was."""
    said = dict(imported)
    when = dict(said.get("when", {}))
    change = rng.random()
    if when and change < 0.3:
        del when[rng.choice(sorted(when))]
    elif change < 0.6:
        key, values = rng.choice(sorted((CONDITIONS | ON.get(said["on"], {})).items()))
        when[key] = rng.choice(values)
    elif when and change < 0.8:
        key = rng.choice(sorted(k for k in when))
        if key != "generated":
            some = [when[key]] if isinstance(when[key], str) else list(when[key])
            wider = [p for p in some if p[0] != "!"] or some[1:]
            when[key] = rng.choice([wider, [*some, some[0] + "*"], [*some, "!x*"]]) or some
    if said["on"] == "license" and "license" not in when:
        when["license"] = "*"
    effects = EFFECTS if said["effect"] == "as_terms" else EFFECTS[EFFECTS.index(said["effect"]) :]
    said["effect"] = rng.choice([said["effect"], rng.choice(effects), rng.choice([*EFFECTS, "as_terms"])])
    if said["effect"] == "as_terms" and said["on"] != "model":
        said["effect"] = "block"
    if rng.random() < 0.2:
        said.pop("at_most", None)
    said.pop("when", None)
    return said | ({"when": when} if when else {})


def chain(rng, shipped):
    """Two to four files by name, of which the last imports others, beside the shipped ones."""
    files = dict(shipped)
    last = rng.randint(1, 3)
    for i in range(last + 1):
        own = {k: f for k, f in files.items() if k not in shipped}
        new = (
            root(rng, f"p{i}")
            if i < last and (not own or rng.random() < 0.4)
            else narrowing(rng, own | shipped, f"p{i}")
        )
        files[f"p{i}"] = new
    return files, f"p{last}"


def waivers(rng, files, name):
    ids = [r["id"] for f in imports_oracle.behind(files, name) for r in f.get("rules", [])]
    return [waiver(rng, n, [*ids, "no-rule"]) for n in range(rng.choice([0, 0, 2, 4]))]
