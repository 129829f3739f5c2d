"""What docs/policy.md says of policies that import others, by brute force.

Each imported policy is judged by itself, and all rules of all are asked together; the strictest of that counts.
Files are dicts by name; nothing is merged, nothing of the package is imported.
"""

import verdict_oracle

SHIPPED = ("default", "strict", "research", "observe")
#: "of the facts about the organisation the stricter ones count": the later is the stricter; None is left out.
STRICTER = {
    "purpose": ["research", None, "commercial"],
    "distributes_models": [False, None, True],
}


def decide(case, files, name):
    """The decision, whether the step is stopped, and what was found."""
    facts = facts_of(files, name)[0]
    flags = {
        "counts_indirect": any(f.get("counts_indirect", False) for f in behind(files, name)),
        "unknown_blocks": any(f.get("unknown_blocks", "import" not in f) for f in behind(files, name)),
    }
    case = case | {"organisation": facts} | flags
    return verdict_oracle.decided(case, found(case, files, name))


def found(case, files, name):
    """Each imported policy judged by itself, and what all rules say together, which end nobody's silence."""
    if not imported(files[name]):
        return verdict_oracle.findings(case | {"rules": files[name]["rules"]})
    alone = [f for other in imported(files[name]) for f in found(case, files, other)]
    rules = [rule | {"added": True} for file in behind(files, name) for rule in file.get("rules", [])]
    together = verdict_oracle.findings(
        case | {"rules": rules, "opened": lambda license: speaks(case, files, name, license)}
    )
    return alone + [f for f in together if f[0] != "no-rule"]


def speaks(case, files, name, license):
    """Whether each of the policies that have rules on licences speaks of one that is to be got first."""
    others = [o for o in imported(files[name]) if any(of_licences(f) for f in behind(files, o))]
    if others:
        return all(speaks(case, files, o, license) for o in others)
    asked = [rule.get("when", {}).get("license") for rule in of_licences(files[name])]
    return any(verdict_oracle.condition(patterns, [license]) for patterns in asked)


def of_licences(file):
    return [rule for rule in file.get("rules", []) if rule["on"] == "license"]


def imported(file):
    """The names of the files it imports."""
    names = file.get("import", [])
    return [name.removesuffix(".yaml") for name in ([names] if isinstance(names, str) else names)]


def behind(files, name):
    """A file and all that it imports, directly or not."""
    return [files[name], *(file for other in imported(files[name]) for file in behind(files, other))]


def facts_of(files, name):
    """The facts that count, and whether they are left to whoever imports the file, as nobody's or many's."""
    file = files[name]
    parts = [facts for facts, open_ in (facts_of(files, other) for other in imported(file)) if not open_]
    own = file.get("organisation", {})
    if not parts:
        return own, name in SHIPPED or file.get("template", False)
    facts = parts[0]
    for other in parts[1:]:
        facts = strictest(facts, other)
    # What the file itself leaves out stays as it is imported.
    return strictest(facts, {**facts, **own}), False


def strictest(one, other):
    facts = {}
    if "competes_with" in one and "competes_with" in other:
        facts["competes_with"] = sorted({*one["competes_with"], *other["competes_with"]})
    for fact, order in STRICTER.items():
        said = max((one.get(fact), other.get(fact)), key=order.index)
        facts |= {} if said is None else {fact: said}
    for fact in ("monthly_users", "annual_revenue_usd"):
        said = [facts[fact] for facts in (one, other) if fact in facts]
        facts |= {fact: max(said)} if said else {}
    return facts
