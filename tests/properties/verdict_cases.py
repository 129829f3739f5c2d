"""Cases for the oracle of verdicts, as plain dicts: the corners are where texts turn and names are spelt otherwise."""

from datetime import UTC, date, datetime, timedelta

from ancestry_cases import ROOT, TUNED, artefacts
from verdict_oracle import BARS

NOW = datetime(2026, 11, 22, tzinfo=UTC)
USES = (
    "train_competing",
    "train_internal_generative",
    "train_internal_classifier",
    "evaluate",
    "rag_or_inference_context",
)
TURNS = ("2025-04-01", "2025-07-01", "2026-01-01")
SHAPES = (
    [],
    ["COMPETING_MODELS"],
    ["COMPETING_MODELS", "NON_COMMERCIAL_OUTPUT"],
    ["NON_COMMERCIAL_OUTPUT"],
    ["OTHER_MODEL_FAMILIES", "NAMING_DUTY"],
    ["COMPETING_MODELS", "OTHER_MODEL_FAMILIES", "LICENSE_FLOWS_DOWN"],
    ["NAMING_DUTY"],
    ["NAMING_DUTY", "LICENSE_FLOWS_DOWN"],
    ["ANY_MODEL"],
    ["COMPETING_MODELS", "PURPOSE_AT_GENERATION"],
)
MODELS = (
    ("acme", "acme-lm-1", "api.acme.example"),
    ("acme", "acme-lm-1", "chat.acme.example"),
    ("acme", "acme-lm-pro", "api.acme.example"),
    ("bolt", "bolt/bolt-7b", "self-hosted"),
    ("bolt", "bolt/bolt-9b", "self-hosted"),
    ("nobody", "zorp-1", "api.zorp.example"),
    ROOT,
    TUNED,
)
LICENSES = ("MIT", "CC-BY-NC-4.0", "Apache-2.0", "GPL-2.0-only WITH Classpath-exception-2.0", "LicenseRef-Bought")
CONDITIONS = {
    "use": ("train_*", ["!evaluate"], ["evaluate", "train_competing"]),
    "dataset": ("n1", "default:n*", ["!n1"], "N2", "hub/*", "huggingface:*", ["!hub:*"]),
    "asset": ("student", "default:*", ["!student"]),
    "influence": ("direct", "indirect", ["!indirect"]),
}
ON_MODELS = {
    "provider": ("acme", ["!acme"], ["bolt", "nobody"]),
    "model": ("acme-lm-1", "ACME-LM-*", ["!acme-lm-1"], "acme/acme-lm-1", "bolt-7b", ["acme-lm*", "!acme-lm-pro"]),
    "channel": ("api.acme.example", "self-hosted", ["!api.acme.example"], ["!self-hosted"], "*.example"),
    "origin": ("first_party", "second_hand", ["!second_hand"]),
    "generated": ({"from": "2025-04-01"}, {"until": "2025-03-31"}, {"from": "2025-04-01", "until": "2025-06-30"}),
}
ON = {
    "model": ON_MODELS
    | {
        "terms": ("acme-*", "acme-1", ["!acme-1"]),
        "restriction": ("COMPETING_MODELS", "*", ["!COMPETING_MODELS"], ["NAMING_DUTY", "ANY_MODEL"]),
        "confidence": ("verified", ["!memory"]),
    },
    "unresolved": ON_MODELS | {"reason": ("UNKNOWN_MODEL", ["!UNKNOWN_CHANNEL"], "UNKNOWN_TERMS")},
    "gap": {"reason": ("NO_PROVENANCE", ["!NO_PROVENANCE"])},
    "license": {"acknowledgement": ("declared", "concluded")},
}


def near(rng):
    """A day next to a turn; sometimes none."""
    return rng.choice([None, date.fromisoformat(rng.choice(TURNS)) + timedelta(rng.choice([-1, 0, 1]))])


def entry(rng, id, models, channel, **more):
    """Terms whose effects follow from their shapes."""
    shapes, provider = rng.choice(SHAPES), id.split("-")[0]
    training = ("block", "block", "warn", "allow") if set(shapes) & BARS else ("warn",) if shapes else ("allow",)
    effects = {use: rng.choice(training) for use in USES[1:3]} | dict.fromkeys(USES[3:], rng.choice(["allow", "warn"]))
    effects["train_competing"] = training[0]
    limits = {rng.choice(["monthly_active_users", "annual_revenue_usd"]): 700, "above": rng.choice(["license", "duty"])}
    return {
        "id": id,
        "provider": provider.title(),
        "kind": "hosted_service",
        "providers": [provider],
        "models": models,
        "channels": [channel],
        "license": f"LicenseRef-{provider}",
        "effects": effects,
        "restrictions": shapes,
        "permitted_families": rng.choice([["bolt-1"], ["bolt-1", "bolt-2"]]),
        **({"limits": limits} if rng.random() < 0.2 else {}),
        "confidence": rng.choice(["verified", "verified", "secondary", "memory"]),
        "date_read": "2026-01-01",
        "summary": "As the case says.",
        "url": "https://a.example",
        "source": "the same page",
        **more,
    }


def catalog(rng):
    """Versions of one text, with gaps, overlaps and ends; a chat app; a more exact pattern; weights; an agreement."""
    api = "api.acme.example"
    first = rng.choice([{}, {"effective_until": "2025-03-31"}, {"effective_until": "2025-06-30"}])
    second = {"effective_from": rng.choice(TURNS[:2]), **rng.choice([{}, {"effective_until": "2025-12-31"}])}
    agreed = {"effective_from": "2025-04-01", **rng.choice([{}, {"effective_until": "2025-06-30"}])}
    some = [
        entry(rng, "acme-3", ["acme-lm-*"], api, series="acme", effective_from="2026-01-01"),
        entry(rng, "acme-chat", ["acme-lm-*"], "chat.acme.example"),
        entry(rng, "acme-pro", ["acme-lm-pro*"], api),
        entry(rng, "acme-deal", ["acme-lm-1*"], api, only_when_named=True, **agreed),
    ]
    return [
        entry(rng, "acme-1", ["acme-lm-*"], api, series="acme", **first),
        entry(rng, "acme-2", ["acme-lm-*"], api, series="acme", **second),
        entry(rng, "bolt-1", ["bolt/bolt-7b*"], "self-hosted", kind="open_weights"),
        entry(rng, "bolt-2", ["bolt/bolt-9b*"], "self-hosted", kind="open_weights"),
        entry(rng, "hub-root", ["hub/root-lm*"], "self-hosted", kind="open_weights"),
        entry(rng, "hub-tuned", ["hub/tuned-8b*"], "self-hosted", kind="derivative"),
        entry(rng, "hub-release", ["hub/root-lm*"], "hub.example", only_when_named=True),
        *(e for e in some if rng.random() < 0.4),
    ]


def model(rng, usage=None):
    provider, id, channel = rng.choice(MODELS)
    spelt = [id, id, id, id.upper(), f"{id}-2025-01-31", id if "/" in id else f"{provider}/{id}"]
    hosts = [channel] * 4 + [None, "x.example"] + ([f"https://{channel}/v1"] if "." in channel else [])
    usages = ["GENERATION", "GENERATION", "ANNOTATION", "FILTER", "SCORING"]
    said = {"provider": provider, "model": rng.choice(spelt), "channel": rng.choice(hosts), "day": near(rng)}
    bases = rng.choice([[]] * 8 + [["hub/tuned-8b"], ["hub/root-lm"], ["bolt/bolt-9b"], ["zorp-1"], ["acme-lm-1"]])
    said |= {"usage": usage or rng.choice(usages), "terms": rng.choice([None] * 8 + ["acme-deal", "gone"])}
    return said | {"base_models": bases}


def expression(rng, depth=2):
    if not depth or rng.random() < 0.5:
        return rng.choice(LICENSES)
    return (rng.choice(["AND", "OR"]), expression(rng, depth - 1), expression(rng, depth - 1))


def lineage(rng):
    """A few steps, in circles, too; one in ten is on no record."""
    names = [f"n{i}" for i in range(rng.randint(1, 4))]

    def step(models, licenses=()):
        read = rng.sample(names, rng.randint(0, min(2, len(names))))
        reads = [(name, rng.choice(["DIRECT", "DIRECT", "DIRECT", "INDIRECT"])) for name in read]
        reads += [("huggingface:hub/set-0", "DIRECT")] if rng.random() < 0.05 else []
        said = {"reads": reads, "models": models, "licenses": licenses, "day": near(rng)}
        copy = rng.choice([None] * 5 + ["hub/set-0", "hub/set-0", "hub/tuned-8b", "hub/nowhere"])
        complete = "COMPLETE" if rng.random() < 0.85 else "INCOMPLETE"
        return said | {"artefact": copy, "complete": rng.choice([complete, "UNKNOWN"]) if copy else complete}

    def licenses():
        return [(expression(rng), rng.choice(["DECLARED", "CONCLUDED"])) for _ in range(rng.choice([0, 0, 1, 2]))]

    steps = {name: step([model(rng) for _ in range(rng.choice([0, 1, 1, 2]))], licenses()) for name in names}
    steps = {name: made for name, made in steps.items() if rng.random() < 0.9}
    bases = [model(rng, "BASE_MODEL") for _ in range(rng.choice([0, 0, 1, 1, 2]))]
    reads = [(name, rng.choice(["DIRECT", "INDIRECT"])) for name in names[:2]] + [(names[-1], "DIRECT")]
    student = {"reads": list(dict(reads).items()), "models": bases, "licenses": [], "complete": "COMPLETE", "day": None}
    student["artefact"] = None
    return {**steps, "student": student}


def rule(rng, id, loose):
    on = rng.choice(["model", "model", "model", "unresolved", "gap", "license"])
    effects = [
        "warn",
        "unknown",
        "block",
        *(["allow", "allow"] if loose else []),
        *(["as_terms"] * 2 if on == "model" else []),
    ]
    when = {key: rng.choice(said) for key, said in (CONDITIONS | ON[on]).items() if rng.random() < 0.15}
    if on == "license":
        when["license"] = rng.choice(["CC-BY-NC-*", "mit", ["!MIT", "!Apache-2.0"], "GPL-2.0-only", "LicenseRef-*"])
    said = {"id": id, "on": on, "effect": rng.choice(effects), "reason": "why", "fix": "fix"}
    return said | ({"when": when} if when else {}) | ({"at_most": "warn"} if rng.random() < 0.1 else {})


def organisation(rng):
    facts = {
        "competes_with": rng.choice([[], ["acme"], ["bolt"]]),
        "purpose": rng.choice(["research", "commercial"]),
        "distributes_models": rng.random() < 0.5,
        "monthly_users": rng.choice([700, 701]),
        "annual_revenue_usd": rng.choice([700, 701]),
    }
    return {fact: said for fact, said in facts.items() if rng.random() < 0.3}


def waiver(rng, number, rules):
    seconds = rng.choice([-1, 0, 1, 1_000_000])
    return {
        "id": f"w{number}",
        "rule": rng.choice(rules),
        "asset": rng.choice(["student", "stud*", "other"]),
        "use": rng.choice([None, None, "train_competing"]),
        "partition": rng.choice([None, "2026-*", "2026-01"]),
        "model": rng.choice([None, "*", "acme-lm-*", "bolt/*"]),
        "dataset": rng.choice([None, None, "n1", "default:n*"]),
        "requested_by": "ann",
        "approved_by": rng.choice(["bob", "bob", "bob", "ann"]),
        "expires": NOW + timedelta(seconds=seconds),
    }


def a_case(rng, shipped):
    """One case: a lineage, terms, rules, facts, waivers, a use.

    Args:
        rng: where the choices come from.
        shipped: by name the files of the shipped policies, which some of the policies import.
    """
    base = rng.choice([None, *shipped])
    rules = [rule(rng, f"r{i}", base is None) for i in range(rng.randint(0 if base else 1, 5))]
    if base is None and rng.random() < 0.6:
        rules.append({"id": "terms", "on": "model", "effect": "as_terms", "reason": "why", "fix": "fix"})
    said = (
        shipped[base]
        if base
        else {"rules": [], "counts_indirect": rng.random() < 0.5, "unknown_blocks": rng.random() < 0.8}
    )
    all_rules = [*said["rules"], *({**r, "added": True} if base else r for r in rules)]
    facts = organisation(rng)
    file = {
        "format": 1,
        "name": "case",
        **({"rules": rules} if rules else {}),
        **({"organisation": facts} if facts else {}),
    }
    file |= {"import": base} if base else {key: said[key] for key in ("counts_indirect", "unknown_blocks")}
    waivable = [*(r["id"] for r in all_rules), "no-rule"]
    return {
        "terms": catalog(rng),
        "artefacts": artefacts(rng, LICENSES[:3]),
        "steps": lineage(rng),
        "target": "student",
        "partition": rng.choice([None, "2026-01"]),
        "rules": all_rules,
        "organisation": facts,
        "policy": file,
        "use": rng.choice([*USES, USES[0], USES[0]]),
        **{key: said[key] for key in ("counts_indirect", "unknown_blocks")},
        "waivers": [waiver(rng, n, waivable) for n in range(rng.choice([0, 0, 2, 4]))],
        "now": NOW,
    }
