"""Known public datasets and models as external assets, drawn with all their known ancestors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import dagster as dg

from lineage_guard.dagster.declare import metadata_of
from lineage_guard.dagster.keys import NAMESPACE, RESTRICTED_TAG
from lineage_guard.domain.declared.declaration import Declaration
from lineage_guard.domain.errors import DeclarationError
from lineage_guard.domain.facts import Influence, Production, Version
from lineage_guard.domain.lineage.closure import Ancestry
from lineage_guard.domain.rules.terms import TRAIN_COMPETING, Effect, TermsSource
from lineage_guard.domain.verdict.decide import terms_day

GROUP = "public"
_ILLEGAL = re.compile(r"[^A-Za-z0-9_]")


def asset_key_of(version: Version) -> dg.AssetKey:
    """The asset key of a public artefact: its namespace, then its id, legal in Dagster.

    Example:
        >>> asset_key_of(Version("huggingface", "HuggingFaceTB/smol-talk.v1")).path
        ['huggingface', 'HuggingFaceTB', 'smol_talk_v1']
    """
    return dg.AssetKey([_ILLEGAL.sub("_", part) for part in (version.namespace, *version.name.split("/"))])


def public_assets(*ids: str, group_name: str = GROUP, ancestors: bool = True) -> list[dg.AssetSpec]:
    """External assets for public datasets and models, and for everything they are known to be made from.

    Args:
        *ids: public ids, e.g. ``"HuggingFaceTB/smoltalk"``.
        group_name: asset group they are drawn in.
        ancestors: whether to draw their known ancestors too; the gate counts these either way.

    Returns:
        One spec per artefact, each once, ids first. Its true id is in the metadata.

    Raises:
        DeclarationError: for an id the catalog does not know.

    Example:
        >>> [spec.key.path[-1] for spec in public_assets("simplescaling/s1K-1.1")][0]
        's1K_1_1'
    """
    from lineage_guard.catalog import load_catalog

    catalog = load_catalog()
    return specs_of(ids, catalog.ancestry, catalog.terms, group_name=group_name, ancestors=ancestors)


def specs_of(
    ids: Iterable[str], ancestry: Ancestry, terms: TermsSource, *, group_name: str = GROUP, ancestors: bool = True
) -> list[dg.AssetSpec]:
    """``public_assets`` over any ancestry; see there."""
    known = ancestry.productions()
    queue = [_version(public_id, ancestry) for public_id in ids]
    drawn: dict[Version, dict[Version, Influence]] = {}
    while queue:
        version = queue.pop(0)
        if version not in drawn:
            # What nobody has read of an artefact's making is no artefact. It joins when the gate decides, and stops.
            drawn[version] = {v: i for v, i in _parents(version, known, ancestry).items() if v in known}
            queue.extend(drawn[version] if ancestors else ())
    _refuse_collisions(drawn)
    return [
        _spec(v, {p: i for p, i in parents.items() if p in drawn}, known[v], terms, group_name)
        for v, parents in drawn.items()
    ]


def _parents(version: Version, known: Mapping[Version, Production], ancestry: Ancestry) -> dict[Version, Influence]:
    """What an artefact was made from and by: its inputs, and the models that took part as nodes."""
    production = known[version]
    edges = [(e.version, e.influence) for e in production.inputs]
    edges += [(v, m.effective_influence) for m in production.models if (v := ancestry.version_of(m.model))]
    parents: dict[Version, Influence] = {}
    for parent, influence in edges:
        if parent != version and parents.get(parent) is not Influence.DIRECT:
            parents[parent] = influence
    return parents


def _version(public_id: str, ancestry: Ancestry) -> Version:
    version = ancestry.version_of(public_id)
    if version is None:
        raise DeclarationError(
            f"the catalog does not know {public_id!r}",
            where="public_assets()",
            fix="check the id (organisation/name), or describe it yourself: AssetSpec(..., metadata=source(...))",
        )
    return version


def _refuse_collisions(versions: Iterable[Version]) -> None:
    by_key: dict[dg.AssetKey, Version] = {}
    for version in versions:
        other = by_key.setdefault(asset_key_of(version), version)
        if other != version:
            raise DeclarationError(
                f"{other} and {version} would share one asset key",
                where="public_assets()",
                fix="draw them in separate calls, or with ancestors=False",
            )


def _spec(
    version: Version,
    parents: Mapping[Version, Influence],
    production: Production,
    terms: TermsSource,
    group_name: str,
) -> dg.AssetSpec:
    indirect = [v for v, influence in parents.items() if influence is Influence.INDIRECT]
    declaration = Declaration(
        artefact=version.name,
        licenses=production.licenses,
        indirect=tuple("/".join(asset_key_of(v).path) for v in indirect),
        note=production.note,
    )
    metadata = {
        f"{NAMESPACE}/public_id": version.name,
        f"{NAMESPACE}/indirect_inputs": [v.name for v in indirect],
        **metadata_of(declaration),
    }
    if version.namespace == "huggingface":
        metadata[f"{NAMESPACE}/page"] = dg.MetadataValue.url(f"https://huggingface.co/{version.name}")
    return dg.AssetSpec(
        key=asset_key_of(version),
        deps=[asset_key_of(v) for v in parents],
        description=_describe(version, production),
        metadata=metadata,
        group_name=group_name,
        kinds={_ILLEGAL.sub("_", version.namespace.lower())},
        tags={RESTRICTED_TAG: "true"} if _restricted(production, terms) else {},
    )


def _describe(version: Version, production: Production) -> str:
    makers = [m.model for m in production.models if m.model != version.name]
    made = f" Made with {', '.join(dict.fromkeys(makers))}." if makers else ""
    return f"Public artefact {version.name}.{made} {production.note or ''}".strip()


def _restricted(production: Production, terms: TermsSource) -> bool:
    return any(
        layer.effect_on(TRAIN_COMPETING) is Effect.BLOCK
        for model in production.models
        for layer in terms.resolve(model, terms_day(production.produced_at)).layers
    )
