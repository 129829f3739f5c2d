"""The rules in force for each trained asset, and those that are proposed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from lineage_guard.dagster.settings import CATALOG_VARIABLE, Settings, lineage_namespace, rulebook
from lineage_guard.domain.errors import CatalogError
from lineage_guard.domain.facts import ModelSource
from lineage_guard.domain.rules.policy import Policy
from lineage_guard.domain.rules.terms import Resolution, Terms, TermsSource
from lineage_guard.domain.rules.waivers import Waivers

if TYPE_CHECKING:
    from lineage_guard.catalog import Catalog
    from lineage_guard.dagster.target import Target


@dataclass(frozen=True)
class Rules:
    """What a version is judged by.

    Attributes:
        policy: rules and terms.
        catalog: public ancestry.
        waivers: accepted risks.
    """

    policy: Policy
    catalog: Catalog
    waivers: Waivers


@dataclass(frozen=True)
class Proposal:
    """What is proposed.

    Attributes:
        policy: name or file; ``None`` for the policy in force.
        terms_file: catalog file to be added, or to take the place of the own one of the same name.
        terms_as: id of the terms under which every model is looked at, in place of its own.
    """

    policy: str | None = None
    terms_file: Path | None = None
    terms_as: str | None = None

    @property
    def says_something(self) -> bool:
        """Whether anything is proposed."""
        return not (self.policy is None and self.terms_file is None and self.terms_as is None)


@dataclass(frozen=True)
class AsIf:
    """Terms of one text for every model; a domain ``TermsSource``.

    Attributes:
        terms: the text.
        digest: over it.
        turns: none: it binds on every day.
    """

    terms: Terms
    digest: str
    turns: Sequence[date] = ()

    def resolve(self, model: ModelSource, on: date | None) -> Resolution:
        """The text, whatever the model and the day are."""
        return Resolution((self.terms,), None, f"as if {self.terms.id} governed {model.model}")


@dataclass
class Deployment:
    """What the definitions say of assets, as far as there are any.

    Attributes:
        settings: what ``guard()`` was told, by OpenLineage name of the asset.
        uses: what training assets are for, by the same.
        unseen: what could not be looked at, one sentence each.
    """

    settings: dict[str, Settings] = field(default_factory=dict[str, Settings])
    uses: dict[str, str] = field(default_factory=dict[str, str])
    unseen: list[str] = field(default_factory=list[str])

    def of(self, name: str) -> Settings:
        """What ``guard()`` was told for an asset; for one that no definition is known of, as the others are."""
        found = self.settings.get(name)
        return found or next(iter(self.settings.values()), Settings())

    def namespace(self, given: str | None) -> str:
        """The OpenLineage namespace."""
        return lineage_namespace(given or self.of("").namespace)


def deployment(target: Target) -> Deployment:
    """What the definitions of a target say.

    Raises:
        ConfigError: the target does not exist or its code cannot be loaded.
    """
    from lineage_guard.dagster.declare import use_of
    from lineage_guard.dagster.events import name_of
    from lineage_guard.dagster.locations import load_locations, settings_of

    found = Deployment()
    for location in load_locations(target):
        if location.unseen:
            found.unseen.append(f"Code location {location.name} was not looked at: {location.unseen}.")
        for definition in location.assets():
            settings = settings_of(definition)
            for key, spec in definition.specs_by_key.items():
                use = use_of(spec.tags)
                if use is not None:
                    found.uses[name_of(key)] = use
                    if settings is not None:
                        found.settings[name_of(key)] = settings
    return found


def present(settings: Settings, policy: str | None, waivers: Waivers | None) -> Rules:
    """The rules in force.

    Args:
        settings: what ``guard()`` was told.
        policy: used in place of its policy, when given.
        waivers: used in place of its waivers, when given.

    Raises:
        LineageGuardError: a file is missing or wrong.
    """
    catalog, chosen = rulebook(settings, policy)
    return Rules(chosen, catalog, settings.accepted() if waivers is None else waivers)


def proposed(settings: Settings, now: Rules, policy: str | None, proposal: Proposal) -> Rules:
    """The rules that are proposed in place of those in force.

    Args:
        settings: what ``guard()`` was told.
        now: the rules in force.
        policy: name or file of the policy in force, when it is not that of ``settings``.
        proposal: what is proposed.

    Raises:
        LineageGuardError: a file is missing or wrong.
    """
    from lineage_guard.catalog import load_catalog, load_policy

    catalog = now.catalog
    if proposal.terms_file is not None:
        catalog = load_catalog(*own_files(settings, proposal.terms_file))
    chosen = proposal.policy or policy or settings.policy
    chosen = _under(chosen, catalog.terms) if isinstance(chosen, Policy) else load_policy(chosen, catalog)
    if proposal.terms_as is not None:
        chosen = _under(chosen, _as_if(proposal.terms_as, catalog))
    return Rules(chosen, catalog, now.waivers)


def unheard(model: str, catalog: Catalog) -> Iterator[str]:
    """What to say of a model that nothing was found of, where nothing known is called that.

    Args:
        model: as it was written.
        catalog: what is known.
    """
    from lineage_guard.catalog.doubts import meets, nearest

    provider, _, name = model.rpartition("/") if model.count("/") == 1 else ("", "", model)
    known = meets("model", name, catalog) or catalog.ancestry.get(model) is not None
    if known and (not provider or meets("provider", provider, catalog)):
        return
    near = None if known else nearest("model", name, catalog)
    by = None if not provider or meets("provider", provider, catalog) else nearest("provider", provider, catalog)
    if known and by is None:
        return
    meant = f"{by or provider}/{near or name}".lstrip("/")
    if (near or by) and meant.lower() == model.lower():
        return
    mean = f"did you mean {meant!r}?" if near or by else "is it spelt as the declarations spell it?"
    yield f"nothing known is called {model!r}, on record or in the catalog; {mean}"


def _under(policy: Policy, terms: TermsSource) -> Policy:
    digest = sha256(f"{policy.digest}\n{terms.digest}".encode()).hexdigest()
    return replace(policy, terms=terms, digest=f"sha256:{digest}")


def _as_if(id: str, catalog: Catalog) -> AsIf:
    terms = catalog.terms.get(id)
    if terms is None:
        from lineage_guard.catalog.documents import suggest

        known = [t.id for t in catalog.terms.entries]
        raise CatalogError(f"no terms have the id {id!r}", where="--terms-as", fix=suggest(id, known))
    return AsIf(terms, "sha256:" + sha256(f"as if {id}\n{catalog.terms.digest}".encode()).hexdigest())


def own_files(settings: Settings, new: Path, environment: Mapping[str, str] = os.environ) -> Sequence[Path]:
    """The own catalog files, with a new one in the place of that of the same name, or after all of them."""
    own = settings.catalog
    if own is None:
        own = tuple(Path(p) for p in environment.get(CATALOG_VARIABLE, "").split(os.pathsep) if p)
    if any(path.name == new.name for path in own):
        return [new if path.name == new.name else path for path in own]
    return [*own, new]
