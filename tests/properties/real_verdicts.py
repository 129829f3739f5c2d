"""The oracle's cases, as the real thing is asked about them: facts, a catalog and a policy file."""

from datetime import UTC, datetime, time
from importlib.resources import files

import yaml

from lineage_guard.catalog import load_catalog
from lineage_guard.catalog.policy_file import parse_policy
from lineage_guard.domain.facts import (
    Acknowledgement,
    Completeness,
    Influence,
    Input,
    License,
    ModelSource,
    Production,
    Usage,
    Version,
)
from lineage_guard.domain.lineage.closure import close, extend
from lineage_guard.domain.rules.waivers import Waiver
from lineage_guard.domain.verdict.decide import decide


class Yaml12(yaml.SafeLoader):
    """``on`` is a word."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, pattern) for tag, pattern in said if not tag.endswith(":bool") or first not in "oO"]
        for first, said in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


#: Our policy files, as they are written.
FILES = {
    name: yaml.load((files("lineage_guard.catalog") / f"policies/{name}.yaml").read_text(encoding="utf-8"), Yaml12)
    for name in ("default", "strict", "research", "observe")
}
#: Those that stop what they find.
SHIPPED = {name: said for name, said in FILES.items() if name != "observe"}


def noon(day):
    return datetime.combine(day, time(12), UTC) if day else None


def spdx(said):
    return said if isinstance(said, str) else f"({spdx(said[1])} {said[0]} {spdx(said[2])})"


def version(case, name):
    if ":" in name:
        return Version(*name.split(":", 1))
    trained = name == case["target"]
    return Version("default", name, case["partition"] if trained else None, None if trained else f"run-{name}")


def production(case, name):
    step = case["steps"][name]
    return Production(
        (version(case, name),),
        tuple(Input(version(case, read), Influence(influence)) for read, influence in step["reads"]),
        tuple(
            ModelSource(
                m["provider"],
                m["model"],
                channel=m["channel"],
                usage=Usage(m["usage"]),
                terms=m["terms"],
                base_models=tuple(m["base_models"]),
                generated_at=noon(m["day"]),
            )
            for m in step["models"]
        ),
        noon(step["day"]),
        completeness=Completeness(step["complete"]),
        artefact=step["artefact"],
        licenses=tuple(License(spdx(said), Acknowledgement(by)) for said, by in step["licenses"]),
    )


def own_catalog(case, folder):
    own = folder / "own.yaml"
    own.write_text(
        yaml.safe_dump({"format": 1, "terms": case["terms"], "artefacts": case["artefacts"]}), encoding="utf-8"
    )
    return load_catalog(own)


def verdict(case, folder):
    catalog = own_catalog(case, folder)
    return judged(case, catalog, parse_policy(yaml.safe_dump(case["policy"]), "case.yaml", catalog))


def findings(said):
    """What a verdict finds, in the words that the oracle has."""
    return {(f.rule, int(f.effect), f.model and f.model.model, f.terms and f.terms.id) for f in said.findings}


def judged(case, catalog, policy):
    made = [production(case, name) for name in case["steps"] if name != case["target"]]
    waivers = tuple(Waiver(**said, reason="why", ticket="T-1") for said in case["waivers"])
    closure = extend(close(production(case, case["target"]), made), catalog.ancestry)
    return decide(closure, policy, waivers, case["use"], case["now"])
