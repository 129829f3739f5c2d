"""Pairs of what is declared and what was seen, for the oracle of observations."""

from verdict_cases import CONDITIONS, MODELS, USES, catalog, near, organisation, rule, waiver

HOSTS = ("x.example", "localhost", "10.0.0.7")
REASONS = (
    "OBSERVED_OTHER_MODEL",
    "OBSERVED_OTHER_CHANNEL",
    "OBSERVED_UNDECLARED_PROVIDER",
    "OBSERVED_DIGEST_UNKNOWN",
    "INFERRED_DECLARATION",
)
DIGESTS = ("sha256:" + "a" * 64, "sha256:" + "b" * 64)
SOME = [m for m in MODELS if not m[1].startswith("hub/")]


def declared(rng):
    provider, id, channel = rng.choice(SOME)
    said = {"provider": provider, "model": rng.choice([id, id, f"{id}-2025-01-31", id.upper()])}
    said |= {"channel": rng.choice([channel, channel, channel, None, "x.example"])}
    said |= {"usage": rng.choice(["GENERATION", "GENERATION", "FILTER", "SCORING"])}
    digest = rng.choice([None, *DIGESTS]) if said["channel"] == "self-hosted" else None
    return said | {
        "terms": rng.choice([None] * 6 + ["acme-deal"]),
        "day": near(rng),
        "base_models": [],
        "digest": digest,
    }


def seen(rng, like):
    """An answer: by one that is declared, on its host or another, as an alias or snapshot; or by something else."""
    if like and rng.random() < 0.75:
        one = rng.choice(like)
        provider, id, channel = one["provider"], one["model"], one["channel"]
        id = rng.choice(
            [id, id, id.split("-2025")[0], f"{id.split('-2025')[0]}-2025-01-31", f"{id}-2026-06-30", "acme-lm-1"]
        )
    else:
        provider, id, channel = rng.choice(SOME)
    # Terms of a service say nothing of weights, so what they are of its models elsewhere is another oracle's.
    hosts = HOSTS if provider == "bolt" else HOSTS[:1]
    channel = rng.choice([channel, channel, channel, rng.choice(hosts)]) or rng.choice(hosts)
    if channel == "self-hosted":
        channel = rng.choice(["localhost", "10.0.0.7", "self-hosted"])
    digest = rng.choice([None, None, *DIGESTS]) if channel in ("localhost", "10.0.0.7", "self-hosted") else None
    return {"provider": provider, "model": id, "channel": channel, "digest": digest}


def own_rules(rng):
    """A policy of its own, which may be silent about some or all differences."""
    rules = [{"id": "terms", "on": "model", "effect": rng.choice(["as_terms", "as_terms", "warn", "allow"])}]
    rules += [{"id": on, "on": on, "effect": rng.choice(["warn", "unknown", "allow"])} for on in ("unresolved", "gap")]
    rules = [r | {"reason": "why", "fix": "fix"} for r in rules]
    for n in range(rng.choice([0, 1, 1, 2])):
        one = rule(rng, f"o{n}", True)
        one |= {"on": "observation", "effect": rng.choice(["allow", "warn", "warn", "unknown", "block"])}
        when = {k: v for k, v in one.pop("when", {}).items() if k in (*CONDITIONS, "provider", "model", "channel")}
        if rng.random() < 0.6:
            when["reason"] = rng.choice([*REASONS, [f"!{rng.choice(REASONS)}"], list(REASONS[:2])])
        rules.append(one | ({"when": when} if when else {}))
    return rules


def a_case(rng, shipped, now):
    said = [declared(rng) for _ in range(rng.choice([0, 1, 1, 1, 2]))]
    if said and rng.random() < 0.3:
        # The same on another channel, or under another digest.
        at = rng.choice([said[0]["channel"], "self-hosted" if said[0]["provider"] == "bolt" else None, "x.example"])
        said.append(said[0] | {"channel": at, "digest": rng.choice([None, *DIGESTS]) if at == "self-hosted" else None})
    silent = not said and rng.random() < 0.5
    step = {"reads": [], "licenses": [], "complete": "COMPLETE", "day": near(rng), "artefact": None}
    seen_ = [seen(rng, said) for _ in range(rng.choice([1, 1, 2]))]
    data = step | {"declared": said, "silent": silent, "seen": seen_, "models": []}
    student = step | {"reads": [("data", "DIRECT")], "models": [], "day": None}
    base = rng.choice([None, None, *shipped])
    flags = ("counts_indirect", "unknown_blocks")
    source = shipped[base] if base else {"rules": own_rules(rng), **{k: rng.random() < 0.6 for k in flags}}
    facts = organisation(rng)
    file = {"format": 1, "name": "case"} | ({"import": base} if base else source)
    file |= {"organisation": facts} if facts else {}
    ids = [r["id"] for r in source["rules"]]
    return {
        "terms": catalog(rng),
        "artefacts": [],
        "steps": {"data": data, "student": student},
        "target": "student",
        "partition": None,
        "rules": source["rules"],
        "organisation": facts,
        "policy": file,
        "use": rng.choice([*USES, USES[0]]),
        **{k: source[k] for k in flags},
        "waivers": [waiver(rng, n, [*ids, "observed-differs"]) for n in range(rng.choice([0, 0, 2]))],
        "now": now,
    }
