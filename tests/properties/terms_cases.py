"""Small catalogs for the oracle of terms, and questions to them: owners, weights, resellers, chat apps, agreements."""

from datetime import date, timedelta

TURNS = ("2025-04-01", "2025-07-01", "2026-01-01")
USES = (
    "train_competing",
    "train_internal_generative",
    "train_internal_classifier",
    "evaluate",
    "rag_or_inference_context",
)


def entry(id, kind, providers, models, channels, **more):
    return {
        "id": id,
        "provider": id.title(),
        "kind": kind,
        "providers": providers,
        "models": models,
        "channels": channels,
        "license": f"LicenseRef-{id}",
        "effects": dict.fromkeys(USES, "allow"),
        "restrictions": [],
        "confidence": "verified",
        "date_read": "2026-01-01",
        "summary": "As the case says.",
        "url": "https://a.example",
        "source": "the same page",
        **more,
    }


def days(rng):
    said = {}
    if rng.random() < 0.4:
        said["effective_from"] = rng.choice(TURNS)
    if rng.random() < 0.25:
        said["effective_until"] = rng.choice(["2026-03-31", "2025-12-31"])
    if len(said) == 2 and said["effective_from"] > said["effective_until"]:
        del said["effective_from"]
    return said


def catalog(rng):
    hosted, api = "hosted_service", ["api.acme.example"]
    stacks = {"stacks_on_owner_terms": True}
    some = [
        entry(
            "acme-api",
            hosted,
            ["acme"],
            ["acme-lm-*"],
            api,
            **rng.choice([{}, {"excluding": ["acme-lm-open*"]}, {"routes": ["acme-gw/"]}]),
            **days(rng),
        ),
        entry("acme-api-2", hosted, ["acme"], ["acme-lm-*"], api, series="acme", effective_from="2025-07-01"),
        entry("acme-api-1", hosted, ["acme"], ["acme-lm-*"], api, series="acme", effective_from="2025-04-01"),
        entry(
            "acme-pro",
            hosted,
            ["acme"],
            rng.choice([["acme-lm-pro*"], ["acme-lm-pro"], ["acme/acme-lm-pro*"]]),
            api,
            **days(rng),
        ),
        entry("acme-eu", hosted, ["acme"], ["acme-lm-pro*"], ["*.acme.example"], **days(rng)),
        entry("acme-chat", hosted, ["acme"], ["acme-lm-*", "acme-chat*"], ["chat.acme.example"], consumer_app=True),
        entry(
            "acme-open",
            "open_weights",
            ["acme", "huggingface"],
            rng.choice([["acme/acme-lm-open*"], ["acme-lm-open*"]]),
            ["self-hosted"],
            **days(rng),
        ),
        entry("bolt-open", "open_weights", ["bolt", "huggingface"], ["bolt/bolt-7b*", "bolt-7b*"], ["self-hosted"]),
        entry("bolt-tuned", "derivative", ["tuner", "huggingface"], ["tuner/*bolt-7b*"], ["self-hosted"]),
        entry("cloud-acme", hosted, ["cloud"], ["acme-lm-*", "cloud/*"], ["*.cloud.example"], routes=["cloud/"]),
        entry(
            "cloud-house",
            hosted,
            ["cloud"],
            ["cloud-lm-*"],
            ["*.cloud.example"],
            binds_whole_channel=True,
            **rng.choice([{}, {"routes": ["cloud/"]}]),
        ),
        entry(
            "resell",
            "reseller",
            ["resell"],
            ["resell/*"],
            ["resell.example", "*.resell.example"],
            routes=["resell/"],
            **rng.choice([stacks, stacks, {}]),
            **days(rng),
        ),
        entry(
            "cloud-resell",
            "reseller",
            ["cloud"],
            ["acme.acme-lm-*", "cloud/*"],
            ["*.cloud.example"],
            routes=["cloud/"],
            **stacks,
        ),
        entry(
            "hubmart",
            "reseller",
            ["hubmart"],
            ["hubmart/*"],
            rng.choice([["hubmart.example"], ["resell.example"]]),
            routes=rng.choice([["hubmart/"], ["hub/", "accounts/hub/models/"]]),
            **rng.choice([stacks, stacks, {}]),
        ),
        entry(
            "gateway",
            hosted,
            ["house"],
            ["acme-lm-pro*", "bolt/bolt-7b*"],
            ["gw.house.example"],
            **rng.choice([stacks, {}]),
        ),
        entry("deal", hosted, ["acme"], ["acme-lm-*"], api, only_when_named=True, **days(rng)),
        entry(
            "deal-resell", "reseller", ["resell"], ["acme-lm-*", "resell/*"], ["resell.example"], only_when_named=True
        ),
    ]
    return rng.sample(some, rng.randint(3, 7))


def question(rng):
    id = rng.choice(
        [
            "acme-lm-1",
            "acme-lm-1",
            "acme-lm-pro",
            "acme-lm-pro-2",
            "acme-lm-open-7b",
            "bolt-7b",
            "bolt-7b-chat",
            "zorp-1",
            "cloud-lm-1",
            "acme-chat",
        ]
    )
    owner = {"a": "acme", "b": "bolt", "z": "zorp", "c": "cloud"}[id[0]]
    route = rng.choice(
        [""] * 6 + ["resell/", "cloud/", "hubmart/", "hub/", "accounts/hub/models/", "acme-gw/", "tuner/", "nobody/"]
    )
    spelt = route + rng.choice(["", "", f"{owner}/"]) + id + rng.choice(["", "", "", "-2025-01-31"])
    channels = [None] * 4 + [
        "api.acme.example",
        "chat.acme.example",
        "eu.acme.example",
        "self-hosted",
        "self-hosted",
        "eu.cloud.example",
        "resell.example",
        "resell.example",
        "gw.house.example",
        "eu.resell.example",
        "hubmart.example",
        "x.example",
        "https://api.acme.example/v1",
        "https://RESELL.example:443/v1",
    ]
    return {
        "provider": rng.choice(
            [owner, owner, owner, "resell", "cloud", "hubmart", "huggingface", "tuner", "nobody", "Acme"]
        ),
        "model": rng.choice([spelt, spelt, spelt, spelt.upper()]),
        "channel": rng.choice(channels),
        "bases": rng.choice([[]] * 8 + [["bolt/bolt-7b"], ["acme-lm-open-7b"], ["zorp-1"], ["acme-lm-pro"]]),
        "terms": rng.choice([None] * 8 + ["deal", "deal-resell", "acme-api", "gone"]),
        "day": rng.choice(
            [None, *(date.fromisoformat(t) + timedelta(d) for t in (*TURNS, "2026-04-01") for d in (-1, 0, 1))]
        ),
    }
