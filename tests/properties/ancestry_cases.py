"""Public data and models for the oracle's cases: what was made from what, as a catalog file says it."""

STRONG = (
    "contains",
    "derived_from",
    "fine_tuned_from",
    "generated_by",
    "judged_by",
    "rewritten_by",
    "trained_on",
    "translated_by",
)
#: A model's own doing, of which its owner may release what came of it.
RELEASED = ("generated_by", "judged_by", "rewritten_by", "translated_by", "filtered_by")
WEAK = ("filtered_by", "prompts_from")
ROOT = ("hub", "hub/root-lm", "self-hosted")
TUNED = ("hub", "hub/tuned-8b", "self-hosted")


def artefacts(rng, licenses):
    """Two models and some datasets; of an ancestor the catalog knows the terms, or a release, or that nobody read."""
    names = [f"set-{i}" for i in range(rng.randint(1, 3))]
    ids = ["root-lm", "tuned-8b", *names]

    def upstream(own):
        return [edge(rng, source) for source in ids if source != own and rng.random() < 0.4]

    root = {"root": True, "confidence": "root"} if rng.random() < 0.7 else {"upstream": upstream("root-lm")}
    tuned = {"upstream": upstream("tuned-8b"), "confidence": rng.choice(["verified", "verified", "memory"])}
    made = [{"upstream": upstream(name)} for name in names]
    labels = [{"license": rng.choice(licenses)} if rng.random() < 0.3 else {} for _ in names]
    read = ["verified", "secondary", "verified", "memory"]
    return [
        entry("root-lm", "model", {"terms": "hub-root", "confidence": "verified"} | root),
        entry("tuned-8b", "model", tuned | {"terms": rng.choice(["hub-tuned", "hub-tuned", None])}),
        *(
            entry(name, "dataset", m | label | {"confidence": rng.choice(read)})
            for name, m, label in zip(names, made, labels, strict=True)
        ),
    ]


def edge(rng, source):
    relations = STRONG if rng.random() < 0.8 else WEAK
    if not source.startswith("set-"):
        relations = tuple(r for r in relations if r != "prompts_from" and r != "contains")
    said = {"from": source, "relation": rng.choice(relations)}
    said |= {"confidence": rng.choice(["verified", "secondary", "memory", "alleged"])}
    released = said["relation"] in RELEASED and not source.startswith("set-") and rng.random() < 0.2
    return said | ({"terms": rng.choice(["hub-release", "bolt-1"])} if released else {})


def entry(id, kind, said):
    return {
        "id": f"case-{id}",
        "type": kind,
        "artefact": f"hub/{id}",
        "namespace": "huggingface" if kind == "dataset" else "hub",
        "declared_license": "internal",
        "declared_class": "unknown",
        "sources": ["https://a.example"],
        **said,
        **({"upstream": [e | {"from": f"case-{e['from']}"} for e in said["upstream"]]} if "upstream" in said else {}),
    }
