"""What the pages say of whose terms bind a model, by brute force: docs/catalog.md and the catalog's schema.

Nothing of the package is imported. A question is a provider, a model, a channel, terms that are named, and a day.
"""

import re
from fnmatch import fnmatchcase

from verdict_oracle import begins, ends, in_force


def resolve(asked, entries):
    """The ids of the texts that bind, and the doubt that is left."""
    answers = [itself(asked, entries), *(made_from(base, entries) for base in asked["bases"])]
    return set().union(*(texts for texts, _ in answers)), next((doubt for _, doubt in answers if doubt), None)


def itself(asked, entries):
    ids, routes = taken_apart(asked["model"], entries)
    public = [e for e in entries if not e.get("only_when_named")]
    there = host(asked["channel"])
    services = answering(asked, ids, routes, there, public)
    agreed = next((e for e in entries if e["id"] == asked["terms"]), None)
    if agreed and fits(agreed, asked, ids, there, services, entries):
        return {agreed["id"]}, None
    bound, doubt = public_terms(asked, ids, there, services, public)
    texts, over = at_the_time(bound, asked["day"])
    doubt = doubt or ("UNKNOWN_TERMS" if over else None)
    if asked["terms"] and not agreed:
        doubt = "UNKNOWN_TERMS"
    # "or it applies besides the public terms instead of in their place"
    return texts | ({agreed["id"]} if agreed else set()), doubt


def made_from(base, entries):
    """The same for what weights were made from: whoever took it took the weights, and nobody says when."""
    ids, _ = taken_apart(base, entries)
    public = [e for e in entries if not e.get("only_when_named") and e["kind"] != "reseller" and exact(e, ids)]
    weights = best_of([e for e in public if "self-hosted" in e["channels"]], ids)
    programs = [e for e in public if not e.get("consumer_app")]
    hosted = [e for e in programs if any(wins(e, at, public, ids) for at in e["channels"])]
    texts, over = at_the_time(best_of(public, ids) + (weights or hosted), None)
    return texts, "UNKNOWN_TERMS" if over else None if public else "UNKNOWN_MODEL"


def answering(asked, ids, routes, there, public):
    """The services that are known to have answered: by a route, by the channel, or else by the provider."""
    found = [e for e in public if routes & set(e.get("routes", ())) or serves(e, there)]
    owners = [e for e in public if e["kind"] != "reseller" and exact(e, ids)]
    given = asked["provider"].lower()
    if there or found or any(given in e["providers"] for e in best_of(owners, ids)):
        return found
    offered = [e for e in public if e["kind"] in ("reseller", "hosted_service") and given in e["providers"]]
    others = [e for e in offered if e["kind"] == "reseller" or e.get("routes") or e.get("binds_whole_channel")]
    return offered if others else []


def public_terms(asked, ids, there, services, public):
    """The entries that bind, whatever the day, and the doubt."""
    owners = [e for e in public if e["kind"] != "reseller" and exact(e, ids)]
    anywhere = [e for e in owners if any(wins(e, at, owners, ids) for at in e["channels"])]
    programs = [e for e in anywhere if not e.get("consumer_app")]
    # No program calls a chat app: only an id that is more its own than anybody else's is of it.
    programs += [] if any(e in programs for e in best_of(owners, ids)) else best_of(owners, ids)
    known = there in (None, "self-hosted") or any(serves(e, there) for e in public)
    if services:
        bound, doubt = through(ids, there, services, programs)
        return (bound, doubt) if known else (bound + anywhere, doubt or "UNKNOWN_CHANNEL")
    if not owners:
        return [], "UNKNOWN_MODEL"
    if there == "self-hosted":
        weights = [e for e in anywhere if there in e["channels"]]
        first = best_of(owners, ids)
        # The owner of weights may keep one of their names closed; a stranger who offers it, too, cannot.
        theirs = {p for e in weights for p in e["providers"]}
        strangers = [e for e in first if there not in e["channels"] and theirs and not theirs & set(e["providers"])]
        closed = any(there not in e["channels"] for e in first if e not in strangers)
        return (first + programs, "UNKNOWN_CHANNEL") if closed else (weights, None)
    if there:
        return anywhere, "UNKNOWN_CHANNEL"
    given, bound = asked["provider"].lower(), list(programs)
    weights = [e for e in programs if "self-hosted" in e["channels"]]
    hub = given == "huggingface"
    if not hub and "/" not in ids[-1]:
        theirs = {p for e in weights for p in e["providers"]}
        hosted = [e for e in public if e["kind"] == "hosted_service" and not e.get("consumer_app")]
        bound += [e for e in hosted if theirs & set(e["providers"]) and not excluded(e, ids)]
    sure = (hub and weights) or any(given in e["providers"] for e in best_of(owners, ids))
    return bound, None if sure else "UNKNOWN_CHANNEL"


def through(ids, there, services, programs):
    """What binds behind services, and whether a layer is missing."""
    resellers = [e for e in services if e["kind"] == "reseller"]
    whole = [e for e in services if e.get("binds_whole_channel")]
    knows = [e for e in services if e["kind"] != "reseller" and exact(e, ids)]
    here = [e for e in knows if serves(e, there)]
    own = best_of(here, ids) + best_of([e for e in knows if e not in here], ids)
    if own:
        platform = {at for e in own for at in e["channels"]}
        others = [e for e in resellers if not platform & set(e["channels"])]
        stacked = programs if any(e.get("stacks_on_owner_terms") for e in own) else []
        return own + whole + others + stacked, None
    hosted = [e for e in services if e["kind"] == "hosted_service"]
    return resellers + (whole if resellers else hosted) + programs, None if programs else "UNKNOWN_MODEL"


def fits(agreed, asked, ids, there, services, entries):
    """Whether the model's id, the channel and the day fit what is named."""
    day, last = asked["day"], ends(agreed)
    elsewhere = [e for e in services if not set(e["channels"]) & set(agreed["channels"])]
    reached = not elsewhere and (there is None or serves(agreed, there))
    if day is None:
        in_time = not (agreed.get("only_when_named") and last)
    else:
        texts = [e for e in entries if e is agreed or e.get("series", "") == agreed.get("series")]
        in_time = begins(agreed) <= day and (last is None or day <= last)
        in_time = in_time and in_force(sorted(texts, key=begins), day)[0] == [agreed]
    return exact(agreed, ids) and reached and in_time


def at_the_time(entries, day):
    """The texts in force on a day, each once, and whether one has ended without another."""
    texts = {}
    for e in {e["id"]: e for e in entries}.values():
        texts.setdefault(e.get("series", e["id"]), []).append(e)
    answers = [in_force(sorted(versions, key=begins), day) for versions in texts.values()]
    return {e["id"] for bound, _ in answers for e in bound}, any(over for _, over in answers)


def wins(entry, at, rivals, ids):
    """ "Of terms that speak of one model on one channel the more exact pattern wins there"."""
    return all(exact(e, ids) <= exact(entry, ids) for e in rivals if at in e["channels"])


def best_of(entries, ids):
    best = max((exact(e, ids) for e in entries), default=0)
    return [e for e in entries if exact(e, ids) == best]


def exact(entry, ids):
    """How exactly an entry names a model: the letters after the organisation, a full id more; 0 where it does not."""
    if excluded(entry, ids):
        return 0
    found = [p.rpartition("/")[2] for p in entry["models"] for id in spelt(entry, ids) if names(entry, p, id)]
    return max((1 + 2 * len(name.replace("*", "")) + ("*" not in name) for name in found), default=0)


def names(entry, pattern, id):
    """An id without an organisation is the owner's; one of another organisation is not."""
    owner, _, name = pattern.lower().rpartition("/")
    return like(id, pattern) or (owner in entry["providers"] and name.strip("*") and "/" not in id and like(id, name))


def excluded(entry, ids):
    return any(like(id, p) for id in spelt(entry, ids) for p in entry.get("excluding", ()))


def spelt(entry, ids):
    """The ids, and those without the owner's own name before them."""
    return ids + [id.rpartition("/")[2] for id in ids if id.rpartition("/")[0] in entry["providers"]]


def taken_apart(model, entries):
    """A model's id without the routes before it, and those."""
    known, routes, id = {r for e in entries for r in e.get("routes", ())}, set(), model.lower()
    while here := [r for r in known if id.startswith(r) and id != r]:
        routes.add(max(here, key=len))
        id = id.removeprefix(max(here, key=len))
    return [id], routes


def serves(entry, there):
    return there not in (None, "self-hosted") and any(like(there, p) for p in entry["channels"])


def host(channel):
    """The host of a channel, which may be written as a URL."""
    return re.sub(r"^https?://|/.*$|:\d+(/.*)?$", "", channel.lower()) if channel else None


def like(text, pattern):
    return fnmatchcase(text.lower(), pattern.lower())
