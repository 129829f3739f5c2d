"""What docs/observe.md and the runbooks say of what was seen beside what is declared, by brute force.

Both are judged, and each difference is a finding; nothing of the package is imported.
"""

import re

import verdict_oracle
from verdict_oracle import BLOCK, host

#: Names of this machine, which is what ``self-hosted`` stands for; and a host on a private network.
LOCAL, INSIDE = ("localhost", "127.0.0.1", "self-hosted"), ("10.0.0.7",)


def decide(case, place):
    """The verdict on a step that reads ``place``, where some models were declared and some were seen to answer."""
    step = case["steps"][place]
    declared, seen = step["declared"], step["seen"]
    models = declared + [model for answer in seen for model in judged_as(answer, declared)]
    case = case | {"steps": {**case["steps"], place: {**step, "models": models}}}
    found = verdict_oracle.findings(case)
    for model, reason in differences(step):
        kept = judged_as(model, declared)
        content = any(m["usage"] not in ("FILTER", "SCORING") for m in kept)
        # Whoever does not count what only chose does not count in what way it did.
        if not content and not case["counts_indirect"]:
            continue
        about = {"model": kept[0], "day": step["day"], "second_hand": False, "reason": reason}
        for rule, effect, *where in verdict_oracle.rulings(case, "observation", place, content, about):
            # "a policy file without such rules blocks on each of them"
            found.append(("observed-differs", BLOCK, *where) if rule == "no-rule" else (rule, effect, *where))
    return verdict_oracle.decided(case, [f for f in found if f[1] > verdict_oracle.ALLOW])


def judged_as(answer, declared):
    """The model that was seen; one that is declared keeps what its author says of its use and its terms."""
    said = [m for m in declared if same_model(m["model"], answer["model"])]
    kept = [{"usage": m["usage"], "terms": m["terms"]} for m in said] or [{"usage": "GENERATION", "terms": None}]
    at = "self-hosted" if host(answer) in LOCAL else answer["channel"]
    return [answer | {"channel": at, "day": None, "base_models": []} | each for each in kept]


def differences(step):
    """Each model that was seen otherwise than it is declared, with the reason."""
    return [(answer, reason) for answer in step["seen"] for reason in reasons(answer, step["declared"], step["silent"])]


def reasons(answer, declared, silent):
    found = set()
    said = [m for m in declared if same_model(m["model"], answer["model"])]
    if silent:
        found.add("INFERRED_DECLARATION")
    elif not said:
        # "from a provider that is declared", or one that its declaration does not mention
        known = any(m["provider"] == answer["provider"] or same_channel(m, answer) for m in declared)
        found.add("OBSERVED_OTHER_MODEL" if known else "OBSERVED_UNDECLARED_PROVIDER")
    else:
        there = [m for m in said if same_channel(m, answer)]
        weights = [m for m in there or said if answer["digest"] in (None, m["digest"]) or m["digest"] is None]
        if not there:
            found.add("OBSERVED_OTHER_CHANNEL")
        if not weights:
            found.add("OBSERVED_OTHER_MODEL")
    # "the digest of its weights was neither seen nor declared"
    named = [m for m in said if m["digest"] and same_channel(m, answer)]
    if host(answer) in LOCAL and not answer["digest"] and not named:
        found.add("OBSERVED_DIGEST_UNKNOWN")
    return found


def same_model(one, other):
    """An alias and its dated snapshot are one model; two snapshots are two."""
    (one, day), (other, on) = parts(one), parts(other)
    return one == other and (day == on or not day or not on)


def parts(model):
    id, day = re.fullmatch(r"(.*?)(-\d{4}-\d\d-\d\d)?", model.lower().split("/")[-1]).groups()
    return id, day


def same_channel(model, answer):
    """A host on a private network does not contradict ``self-hosted``."""
    stated, at = host(model), host(answer)
    if stated in LOCAL:
        return at in LOCAL + INSIDE
    return stated is None or stated == at
