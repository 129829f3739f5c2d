"""The component for projects that are written in YAML: what ``guard()`` is told, and what no YAML else can say.

type: lineage_guard.LineageGuardComponent
attributes:
  policy: default
  assets:
    - target: key:questions
      models: [{provider: openai, model: gpt-4o, channel: api.openai.com}]
    - target: key:student
      training: train_competing
"""

# No `from __future__ import annotations`: Dagster builds the YAML schema from the annotations.

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import dagster as dg
from dagster.components.component_scaffolding import scaffold_component
from pydantic import Field

from lineage_guard.dagster import compat
from lineage_guard.dagster.declare import declare, source, training
from lineage_guard.dagster.guard import SHIPPED_POLICIES
from lineage_guard.dagster.keys import DECLARATION_KEY, USE_TAG
from lineage_guard.dagster.seal import ROOT_LINE, Sealed, seal
from lineage_guard.domain.errors import ConfigError, LineageGuardError
from lineage_guard.domain.facts import Completeness, Influence, ModelSource, Usage
from lineage_guard.domain.rules.waivers import Waiver, WaiverReason


class ModelDeclaration(dg.Model):
    """A model that took part in making data; see ``lineage_guard.ModelSource``."""

    provider: Annotated[str, Field(description="Who offers it, e.g. openai.")]
    model: Annotated[str, Field(description="The id the provider answers to, e.g. gpt-4o-2024-08-06.")]
    version: Annotated[str | None, Field(description="Revision or snapshot, e.g. a commit of the weights.")] = None
    channel: Annotated[
        str | None, Field(description="Host or route the answers came through: api.openai.com, self-hosted.")
    ] = None
    usage: Annotated[Usage, Field(description="What the model did.")] = Usage.GENERATION
    influence: Annotated[Influence | None, Field(description="Follows from usage when left out.")] = None
    license: Annotated[str | None, Field(description="SPDX expression claimed for the output or the weights.")] = None
    terms: Annotated[str | None, Field(description="Id of a catalog entry, e.g. a negotiated agreement.")] = None
    purl: Annotated[str | None, Field(description="Package URL of the weights.")] = None
    digest: Annotated[str | None, Field(description="sha256:... of the weights.")] = None
    base_models: Annotated[Sequence[str], Field(description="Ids of models these weights were made from.")] = ()
    fields: Annotated[Sequence[str], Field(description="Columns it wrote; all when empty.")] = ()
    partitions: Annotated[Sequence[str], Field(description="Partitions it wrote; all when empty.")] = ()
    record_count: Annotated[int | None, Field(description="Rows it wrote, when known.")] = None
    generated_at: Annotated[str | None, Field(description="When it answered, with a time zone, in quotes.")] = None

    def source(self) -> ModelSource:
        """The same as the declaration in Python."""
        said: dict[str, Any] = self.model_dump()
        said |= {name: tuple(said[name]) for name in ("base_models", "fields", "partitions")}
        if self.generated_at is not None:
            said["generated_at"] = _moment(self.generated_at, "generated_at")
        return ModelSource(**said)


class SourceDeclaration(dg.Model):
    """Where data comes from that no model of this deployment made; see ``lineage_guard.source``."""

    human: Annotated[bool, Field(description="People made it and no model did.")] = False
    origin: Annotated[str | None, Field(description="Where it comes from, in words or as a URL.")] = None
    artefact: Annotated[str | None, Field(description="Public id, e.g. HuggingFaceTB/smoltalk.")] = None


class AssetDeclaration(dg.Model):
    """What is to be known of assets that are defined elsewhere in the project."""

    target: Annotated[
        str, Field(description="Which assets, in Dagster's selection syntax.", examples=["key:student", "group:made"])
    ]
    training: Annotated[
        str | None, Field(description="They train, for this use. The gate stands before them.", examples=["evaluate"])
    ] = None
    models: Annotated[Sequence[ModelDeclaration], Field(description="Models that made their data.")] = ()
    source: Annotated[
        SourceDeclaration | None, Field(description="Where their data comes from, when no model here made it.")
    ] = None
    licenses: Annotated[Sequence[str], Field(description="Licences of the data itself, as SPDX expressions.")] = ()
    completeness: Annotated[
        Completeness, Field(description="INCOMPLETE when other models or inputs may have taken part.")
    ] = Completeness.COMPLETE
    artefact: Annotated[str | None, Field(description="Public id of the data, when it is a known dataset.")] = None
    indirect: Annotated[Sequence[str], Field(description="Upstream assets that only chose among rows.")] = ()
    writes: Annotated[str | None, Field(description="append or overwrite.")] = None
    note: Annotated[str | None, Field(description="One sentence for a reader.")] = None
    column_lineage: Annotated[
        Completeness, Field(description="COMPLETE when their recorded column lineage names every source.")
    ] = Completeness.UNKNOWN
    parents: Annotated[
        Sequence[str],
        Field(description="Hugging Face ids of public data they were made from, which no asset stands for."),
    ] = ()

    def tags(self) -> Mapping[str, str]:
        """Asset tags to add."""
        return {} if self.training is None else training(self.training)

    def metadata(self, where: str) -> Mapping[str, Any]:
        """Asset metadata to add.

        Args:
            where: place in the YAML, for errors.

        Raises:
            DeclarationError: when what is said makes no declaration.
        """
        if self.source is not None:
            beside = self.models or self.artefact or self.indirect or self.writes
            more = self.parents or self.column_lineage is not Completeness.UNKNOWN
            if beside or more or self.completeness is not Completeness.COMPLETE:
                raise ConfigError(
                    "a source stands alone: no model of this deployment made it",
                    where=where,
                    fix="give source, with licenses and note only, or models",
                )
            said = self.source.model_dump()
            return source(**said, license=tuple(self.licenses), note=self.note, asset=where)
        models = [m.source() for m in self.models]
        rest = self.licenses or self.artefact or self.indirect or self.writes or self.note
        rest = rest or self.parents or self.column_lineage is not Completeness.UNKNOWN
        if not models and not rest and self.completeness is Completeness.COMPLETE:
            return {}
        return declare(
            *models,
            licenses=tuple(self.licenses),
            completeness=self.completeness,
            artefact=self.artefact,
            indirect=tuple(self.indirect),
            writes=self.writes,
            note=self.note,
            asset=where,
            column_lineage=self.column_lineage,
            parents=tuple(self.parents),
        )


class WaiverDeclaration(dg.Model):
    """An accepted risk; see ``lineage_guard.Waiver``."""

    id: Annotated[str, Field(description="Stable name, shown in every verdict that uses it.")]
    rule: Annotated[str, Field(description="Id of the rule it waives.")]
    asset: Annotated[str, Field(description="Name of the training asset, or a shell pattern.")]
    reason: str
    requested_by: str
    approved_by: Annotated[str, Field(description="Never the requester.")]
    ticket: Annotated[str, Field(description="Where it was discussed.")]
    expires: Annotated[str, Field(description="With a time zone, in quotes; it does nothing from then on.")]
    model: Annotated[str | None, Field(description="Model id pattern it covers.")] = None
    use: Annotated[str | None, Field(description="Use it covers; any when left out.")] = None
    dataset: Annotated[str | None, Field(description="Data it covers: name, namespace:name or ...@run.")] = None
    partition: Annotated[str | None, Field(description="Partition it covers; any when left out.")] = None
    code: Annotated[WaiverReason | None, Field(description="The reason as one of a few.")] = None

    def waiver(self) -> Waiver:
        """The same as the waiver in Python."""
        said: dict[str, Any] = self.model_dump()
        said["expires"] = _moment(self.expires, f"waiver {self.id!r}")
        return Waiver(**said)


class _Scaffolder(dg.Scaffolder[Any]):
    """Writes the YAML, and says what else is needed."""

    def scaffold(self, request: dg.ScaffoldRequest[Any]) -> None:
        import click

        scaffold_component(request, {"policy": "default"})
        click.echo(f"One line is left to do: {ROOT_LINE}. Until then the project does not load.")


@dg.scaffold_with(_Scaffolder)
class LineageGuardComponent(dg.Component, dg.Model, dg.Resolvable):
    """Puts the gate in front of every training asset of a project written in YAML.

    One line is needed beside it, as a component cannot wrap its siblings: `guard()`, without
    arguments, around `load_from_defs_folder(...)` in definitions.py. Without that line the
    project does not load.
    """

    policy: Annotated[
        str, dg.Resolver.default(description="default, strict, research, observe, or a policy file beside this one.")
    ] = "default"
    ledger: Annotated[
        str | None,
        dg.Resolver.default(
            description="Folder, file:// or s3:// URL; else LINEAGE_GUARD_LEDGER, else in DAGSTER_HOME."
        ),
    ] = None
    namespace: Annotated[
        str | None, dg.Resolver.default(description="OpenLineage namespace; else OPENLINEAGE_NAMESPACE.")
    ] = None
    select: Annotated[
        str | None,
        dg.Resolver.default(description="Which training assets to guard, in Dagster's selection syntax; all of them."),
    ] = None
    catalog: Annotated[
        Sequence[str] | None,
        dg.Resolver.default(description="Own catalog files beside this one: private models, agreements."),
    ] = None
    waivers: Annotated[
        str | Sequence[WaiverDeclaration],
        dg.Resolver.default(description="A file of waivers beside this one, or a list of accepted risks."),
    ] = ()
    sensor: Annotated[
        bool, dg.Resolver.default(description="Whether to add the sensor and the checks that show verdicts.")
    ] = True
    mode: Annotated[
        str | Mapping[str, str],
        dg.Resolver.default(
            description="enforce; warn or observe, where everything runs; or a mode for each asset selection.",
            examples=["enforce", {"group:experimental": "observe", "*": "enforce"}],
        ),
    ] = "enforce"
    assets: Annotated[
        Sequence[AssetDeclaration], dg.Resolver.default(description="What is to be known of assets defined elsewhere.")
    ] = ()

    @classmethod
    def get_spec(cls) -> dg.ComponentTypeSpec:
        """What `dg list components` shows."""
        return dg.ComponentTypeSpec(
            description="Blocks training on output of restricted commercial models.",
            tags=["governance", "lineage"],
        )

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The seal that `guard()` takes out, with all that this component says."""
        folder = context.path if context.path.is_dir() else context.path.parent
        where = _shown(folder, context.project_root)
        sealed = Sealed(where, lambda: self._arguments(folder), lambda defs: self._declared(defs, where))
        return dg.Definitions(asset_checks=[seal(sealed)])

    def _arguments(self, folder: Path) -> dict[str, Any]:
        shipped = self.policy in SHIPPED_POLICIES
        return {
            "policy": self.policy if shipped else folder / self.policy,
            "ledger": self.ledger,
            "namespace": self.namespace,
            "select": self.select,
            "catalog": None if self.catalog is None else [folder / path for path in self.catalog],
            "waivers": folder / self.waivers if isinstance(self.waivers, str) else [w.waiver() for w in self.waivers],
            "sensor": self.sensor,
            "mode": self.mode,
        }

    def _declared(self, defs: dg.Definitions, where: str) -> dg.Definitions:
        if not self.assets:
            return defs
        graph = defs.resolve_asset_graph()
        said: dict[dg.AssetKey, list[tuple[str, Mapping[str, str], Mapping[str, Any]]]] = {}
        for number, each in enumerate(self.assets):
            place = f"{where}: assets[{number}]"
            tags, metadata = each.tags(), each.metadata(place)
            if not tags and not metadata:
                raise ConfigError(
                    f"nothing is said of {each.target!r}",
                    where=place,
                    fix="give training, models or source, or take the entry out",
                )
            for key in _chosen(each.target, graph, place):
                said.setdefault(key, []).append((place, tags, metadata))

        def add(spec: dg.AssetSpec) -> dg.AssetSpec:
            for place, tags, metadata in said.get(spec.key, ()):
                _refuse_second(spec, place, tags, metadata)
                spec = spec.merge_attributes(tags=dict(tags), metadata=dict(metadata))
            return spec

        return compat.with_specs(defs, add)


def _moment(text: str, where: str) -> datetime:
    fix = 'write it like "2026-12-31T23:59:59Z"'
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{text!r} is no time", where=where, fix=fix) from None
    if moment.tzinfo is None:
        raise ConfigError(f"{text!r} has no time zone", where=where, fix=fix)
    return moment


def _chosen(target: str, graph: compat.BaseAssetGraph[Any], place: str) -> set[dg.AssetKey]:
    """The assets of a selection: a declaration that no asset has would protect nothing."""
    try:
        chosen = compat.assets_selected(target, graph)
    except LineageGuardError:
        raise
    except Exception as error:
        raise ConfigError(
            f"{target!r} is no selection of assets: {str(error).splitlines()[0] if str(error) else error!r}",
            where=f"{place}.target",
            fix='write it as in the Dagster UI, e.g. "key:student" or "group:training"',
        ) from error
    if not chosen:
        raise ConfigError(
            f"{target!r} selects no asset", where=f"{place}.target", fix="`dg list defs` shows the keys and groups"
        )
    return chosen


def _refuse_second(spec: dg.AssetSpec, place: str, tags: Mapping[str, str], metadata: Mapping[str, Any]) -> None:
    """Said twice, one of them is wrong or will be; neither overrides the other without a word."""
    asset = spec.key.to_user_string()
    if DECLARATION_KEY in metadata and DECLARATION_KEY in spec.metadata:
        raise ConfigError(f"{asset} has a declaration already", where=place, fix="declare each asset once")
    if USE_TAG in tags and spec.tags.get(USE_TAG, tags[USE_TAG]) != tags[USE_TAG]:
        raise ConfigError(
            f"{asset} already trains for {spec.tags[USE_TAG]!r}", where=place, fix="mark each training asset once"
        )


def _shown(folder: Path, root: Path) -> str:
    """The file as a reader knows it: below the project."""
    names = (folder / name for name in ("defs.yaml", "defs.yml", "component.yaml", "component.py"))
    file = next((f for f in names if f.is_file()), folder)
    return str(file.relative_to(root)) if file.is_relative_to(root) else str(file)
