"""What the pages say of public data and models, by brute force: docs/catalog.md, and the catalog's schema.

Public artefacts become steps beside those that are recorded, so that one walk goes through both.
"""

from fnmatch import fnmatchcase

# policy.md: "models that only filtered, scored or lent prompts"
CHOICES = {"filtered_by", "prompts_from"}
#: What a model does to data; by the other relations it is read.
DOINGS = {"generated_by", "judged_by", "rewritten_by", "translated_by", "filtered_by"}


def joined(case, names, bound):
    """The recorded steps, with what they read of the public, and the public artefacts as steps of their own."""
    known = case["artefacts"]
    steps = {place(a): published(a, known, bound) for a in known}
    for name, step in case["steps"].items():
        reads, complete = list(step["reads"]), step["complete"]
        if step.get("artefact"):
            copied = called([step["artefact"]], known)
            reads += [(place(copied), "DIRECT")] if copied else []
            # ADR 8: what nobody else wrote down of a copy, the catalog knows.
            complete = "COMPLETE" if copied and complete == "UNKNOWN" else complete
        bases = []
        for m in step["models"]:
            way = "INDIRECT" if m["usage"] in ("FILTER", "SCORING") else "DIRECT"
            mine = called(names(m), [a for a in known if a["type"] == "model"])
            # Of a root, and of a model of which nothing further is known, its own terms are all there is.
            reads += [(place(mine), way)] if mine and made_from(mine) else []
            for base in m.get("base_models", ()):
                # "does the same without a file": its own terms bind, and everything that binds its ancestors.
                theirs = called([base], [a for a in known if a["type"] == "model"])
                reads += [(place(theirs), way)] if theirs and made_from(theirs) else []
                said = {"provider": m["provider"], "model": base, "channel": None, "day": None, "terms": None}
                bases.append(said | {"usage": m["usage"], "shown": m["model"]})
        steps[name] = {**step, "reads": reads, "models": [*step["models"], *bases], "complete": complete}
    return steps


def place(artefact):
    return f"{artefact.get('namespace', 'huggingface')}:{artefact['artefact']}"


def called(ids, known):
    """The artefact of one of these ids; aliases may be patterns."""
    for a in known:
        patterns = [a["artefact"], *a.get("aliases", ())]
        if any(fnmatchcase(id.lower(), p.lower()) for id in ids for p in patterns):
            return a
    return None


def ancestors(artefact):
    """What it was made from, as far as anything but press says so."""
    return [edge for edge in artefact.get("upstream", ()) if edge["confidence"] != "alleged"]


def made_from(artefact):
    """Whether anything is behind it, were it only that nobody has read what."""
    return bool(ancestors(artefact)) or artefact["confidence"] == "memory"


def published(artefact, known, bound):
    by_id = {a["id"]: a for a in known}
    reads, models = [], []
    if artefact["type"] == "model" and bound(artefact):
        models.append(model_of(artefact, artefact.get("terms"), "DIRECT"))
    if artefact["confidence"] == "memory":
        reads.append((f"unread:{artefact['artefact']}", "DIRECT"))
    for edge in ancestors(artefact):
        source = by_id[edge["from"]]
        way = "INDIRECT" if edge["relation"] in CHOICES else "DIRECT"
        if source["type"] == "model" and edge["relation"] in DOINGS:
            # It is found in the data, under its own terms or those of an owner's release.
            models.append(model_of(source, edge.get("terms") or source.get("terms"), way))
            reads += [(place(source), way)] if made_from(source) else []
        else:
            reads.append((place(source), way))
    licenses = [(artefact["license"], "DECLARED")] if artefact["type"] == "dataset" and "license" in artefact else []
    return {
        "reads": reads,
        "models": models,
        "licenses": licenses,
        "complete": "COMPLETE",
        "day": None,
        "second_hand": True,
    }


def model_of(artefact, terms, way):
    said = {"provider": artefact.get("namespace", ""), "model": artefact["artefact"], "channel": None, "day": None}
    return said | {"usage": "GENERATION" if way == "DIRECT" else "FILTER", "terms": terms}
