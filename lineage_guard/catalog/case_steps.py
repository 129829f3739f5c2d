"""The steps of a case: how each dataset was made, as it would stand on record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import Any, cast

from lineage_guard.catalog.documents import Document, Path
from lineage_guard.catalog.load import Catalog
from lineage_guard.domain.declared.declaration import license_from, model_from
from lineage_guard.domain.facts import (
    Completeness,
    Input,
    License,
    ModelSource,
    Production,
    Version,
)
from lineage_guard.domain.lineage.days import on_each_day

Json = Mapping[str, Any]


def productions_of(
    document: Document, at: Path, steps: Mapping[str, Json], target: str, catalog: Catalog
) -> dict[str, Production]:
    """What is on record of each step, by its name.

    Args:
        document: the file, which follows its schema.
        at: where the steps stand in it.
        steps: the steps.
        target: the step that is trained, one of them.
        catalog: knows the public datasets and models that steps may name.

    Raises:
        ConfigError: a step says what cannot be, or nothing that is tested; names line, column and fix.
    """
    _check_reads(document, at, steps, target)
    return {name: _production(document, (*at, name), name, step, catalog) for name, step in steps.items()}


def _check_reads(document: Document, at: Path, steps: Mapping[str, Json], target: str) -> None:
    """Every step must be read, or nothing it says is tested; and a misspelt one reads as data without a record."""
    reached, ahead = {target}, [target]
    while ahead:
        name = ahead.pop()
        for j, read in enumerate(cast("list[str]", steps[name].get("reads", []))):
            if read not in steps and (near := get_close_matches(read, list(steps), n=1, cutoff=0.8)):
                fix = f"did you mean {near[0]!r}? Data of which nothing is on record needs a name unlike those of steps"
                raise document.fail(f"no step is called {read!r}", (*at, name, "reads", j), fix)
            if read in steps and read not in reached:
                reached.add(read)
                ahead.append(read)
    for name in steps:
        if name not in reached:
            fix = "name it under `reads` of a step that does, or take it out"
            raise document.fail(f"nothing that {target!r} is made from reads {name!r}", (*at, name), fix)


def _production(document: Document, at: Path, name: str, step: Json, catalog: Catalog) -> Production:
    if "origin" in step and (step.get("reads") or step.get("models")):
        fix = "take `origin` out, or what it was made from"
        raise document.fail(f"{name!r} was made from nothing, and from something", (*at, "origin"), fix)
    public = cast("str | None", step.get("artefact"))
    if public is not None and catalog.ancestry.version_of(public) is None:
        known = [artefact.artefact for artefact in catalog.ancestry.artefacts]
        near = get_close_matches(public, known, n=1)
        fix = (f"did you mean {near[0]!r}? Or " if near else "") + "describe it in a catalog file of your own"
        raise document.fail(f"the catalog knows no {public!r}", (*at, "artefact"), fix)
    models = [_model(document, (*at, "models", j), said) for j, said in enumerate(step.get("models", []))]
    times = [document.moment(said, (*at, "lasted", j)) for j, said in enumerate(step.get("lasted", []))]
    if times and times[1] < times[0]:
        raise document.fail(f"{name!r} ended before it began", (*at, "lasted"), "write the earlier time first")
    return Production(
        (Version("default", name),),
        inputs=tuple(Input(Version("default", read)) for read in step.get("reads", [])),
        models=on_each_day(models, times[0], times[1]) if times else tuple(models),
        produced_at=times[1] if times else None,
        completeness=Completeness(step.get("completeness", "COMPLETE")),
        artefact=public,
        licenses=tuple(_license(said) for said in step.get("licenses", [])),
    )


def _model(document: Document, at: Path, said: Json) -> ModelSource:
    model = model_from({key: value for key, value in said.items() if key != "generated_at"})
    if "generated_at" not in said:
        return model
    return replace(model, generated_at=document.moment(said["generated_at"], (*at, "generated_at")))


def _license(said: str | Json) -> License:
    return License(said) if isinstance(said, str) else license_from(said)
