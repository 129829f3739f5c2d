"""What ``lineage-guard check`` and ``explain`` ask and print."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import dagster as dg

from lineage_guard.alerts.ways import ways_to_unblock
from lineage_guard.dagster.declare import use_of
from lineage_guard.dagster.gate.ask import Question, ask_deployment, ask_ledger
from lineage_guard.dagster.locations import Found, find, load_locations
from lineage_guard.dagster.modes import selected, training_keys
from lineage_guard.dagster.pins.resolve import graph_of
from lineage_guard.dagster.settings import Settings, ledger_location, lineage_namespace, rulebook
from lineage_guard.dagster.target import Target
from lineage_guard.domain.errors import ConfigError
from lineage_guard.domain.incidents.incidents import stopping
from lineage_guard.domain.rules.terms import TRAIN_COMPETING, is_training
from lineage_guard.domain.verdict.decide import Decision, Verdict
from lineage_guard.domain.verdict.explain import explain, plain
from lineage_guard.domain.verdict.modes import Mode
from lineage_guard.ledger import open_ledger
from lineage_guard.openlineage.verdicts import decision_facet

if TYPE_CHECKING:
    from lineage_guard.catalog import Catalog
    from lineage_guard.dagster.gate.gate import Answer
    from lineage_guard.explaining.explanation import Explanation
    from lineage_guard.ledger import Ledger

_STRICTNESS = [Decision.ALLOW, Decision.WAIVED, Decision.WARN, Decision.UNKNOWN, Decision.BLOCK]


@dataclass(frozen=True, slots=True)
class Asked:
    """An answer, and what a reader should know about how it was reached.

    Attributes:
        verdict: the answer.
        notes: what a reader should know.
        explanation: what was wanted beside it.
        enforced: whether a gate would hold the asset to it; ``None`` where no definitions say.
    """

    verdict: Verdict
    notes: tuple[str, ...]
    explanation: Explanation | None = None
    enforced: bool | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be explained beside the verdict.

    Attributes:
        paths: paths to spell out for each finding; ``None`` for all.
    """

    paths: int | None


def ask(
    target: Target,
    asset: str,
    *,
    use: str | None,
    partition: str | None,
    policy: str | None,
    ledger: str | None,
    namespace: str | None,
    at: datetime,
    wanted: Wanted | None = None,
) -> list[Asked]:
    """Ask about an asset; one answer, or one per partition on record.

    What is not given is taken from the ``guard()`` call that wraps the asset.

    Args:
        target: where definitions are.
        asset: asset key, parts joined by slashes.
        use: overrides the asset's tag.
        partition: partition key.
        policy: overrides the policy.
        ledger: overrides the place of the ledger.
        namespace: overrides the OpenLineage namespace.
        at: the time (timezone-aware UTC).
        wanted: what to explain; ``None`` for the verdict alone.

    Raises:
        ConfigError: something that was given is wrong.
        LedgerError: the ledger cannot be read or written.
    """
    locations = load_locations(target)
    seen = [each for each in locations if each.unseen is None]
    found = find(seen, dg.AssetKey.from_user_string(asset)) if seen else None
    settings = (found.settings if found else None) or Settings()
    catalog, chosen = rulebook(settings, policy)
    notes: list[str] = [
        f"Code location {each.name} was not looked at: {each.unseen}." for each in locations if each.unseen
    ]
    question = Question(
        name=asset,
        use=use or _use(found, notes),
        partition=partition,
        namespace=lineage_namespace(namespace or settings.namespace),
        policy=chosen,
        waivers=settings.accepted(),
        at=at,
        modes=settings.mode,
    )
    book = open_ledger(ledger_location(ledger or settings.ledger))
    if found is None:
        notes.append(
            "No definitions were given: this judges what the newest versions in the ledger were made from, or "
            "what a later run was about to read; with -m, -f or -w, what the next run would read."
        )
        answers = ask_ledger(question, book, catalog)
        return [Asked(a.verdict, tuple(notes), _explained(a, question, book, catalog, wanted)) for a in answers]
    ungated = _ungated(found)
    if ungated and is_training(question.use):
        notes.append(f"No gate stands before this asset: {ungated}, so nothing would stop it.")
    with instance_of_here() as instance:
        answer = ask_deployment(question, instance, found.repository.asset_graph, book, catalog)
    enforced = not ungated and answer.verdict.mode is Mode.ENFORCE
    return [Asked(answer.verdict, tuple(notes), _explained(answer, question, book, catalog, wanted), enforced)]


def _ungated(found: Found) -> str:
    """Why no gate stands before an asset; empty where one does."""
    if found.settings is None:
        return "guard() did not wrap it"
    if use_of(found.definition.specs_by_key[found.key].tags) is None:
        return "its step is wrapped for other assets, and it has no tag of training()"
    graph = graph_of(found.repository.asset_graph)
    if found.key not in selected(found.settings.select, graph, training_keys(graph)):
        return f"guard(select={str(found.settings.select)!r}) leaves it out"
    return ""


def _explained(
    answer: Answer, question: Question, book: Ledger, catalog: Catalog, wanted: Wanted | None
) -> Explanation | None:
    if wanted is None:
        return None
    from lineage_guard.explaining.explanation import explanation_of

    return explanation_of(answer, question, book, catalog, wanted.paths)


def instance_of_here() -> Any:
    """The instance of ``DAGSTER_HOME``, as a context.

    Raises:
        ConfigError: it is not set, or the instance cannot be opened.
    """
    if not os.environ.get("DAGSTER_HOME"):
        raise ConfigError(
            "DAGSTER_HOME is not set, so there is no event log to read",
            where="environment",
            fix="set it to the folder of your dagster.yaml, as for `dagster dev`",
        )
    # Dagster remarks that there is no dagster.yaml; that is not an answer to what was asked.
    logging.getLogger("dagster").setLevel(logging.ERROR)
    try:
        return dg.DagsterInstance.get()
    except Exception as error:
        raise ConfigError(
            f"the Dagster instance cannot be opened: {type(error).__name__}: {str(error).splitlines()[0]}",
            where=f"DAGSTER_HOME={os.environ['DAGSTER_HOME']}",
            fix="check that the folder exists and that dagster.yaml in it is right",
        ) from error


def story(asked: Asked) -> str:
    """The whole verdict as text, with the ways out of its strictest finding."""
    lines = [explain(asked.verdict)]
    lines += [plain(f"  Note: {note}") for note in asked.notes]
    if asked.explanation:
        from lineage_guard.explaining.words import lines as explained

        lines += explained(asked.explanation)
    found = stopping(asked.verdict)
    if found:
        lines += ["", "Ways to unblock:"]
        for n, way in enumerate(ways_to_unblock(found[0], asked.verdict), 1):
            lines += [plain(line) for line in (f"  {n}. {way.title}", *(f"       {c}" for c in way.commands))]
    return "\n".join(lines)


def strictest(asked: Sequence[Asked]) -> Decision:
    """The decision that counts when there are several answers."""
    return max((a.verdict.decision for a in asked), key=_STRICTNESS.index)


def to_json(asked: Asked) -> dict[str, Any]:
    """A verdict as the fields of the ``lineageGuard_decision`` facet, with the text and the notes.

    ``enforced`` says whether a gate would hold the asset to it; null where no definitions say.
    """
    facet = {k: v for k, v in decision_facet(asked.verdict, enforced=False).items() if not k.startswith("_")}
    said: dict[str, Any] = {**facet, "enforced": asked.enforced, "notes": list(asked.notes), "text": story(asked)}
    if asked.explanation:
        from lineage_guard.explaining.words import to_json as explained

        said["explanation"] = explained(asked.explanation)
    return said


def _use(found: Found | None, notes: list[str]) -> str:
    tagged = use_of(found.definition.specs_by_key[found.key].tags) if found else None
    if tagged is not None:
        return tagged
    notes.append(f"No use is declared or given: {TRAIN_COMPETING} is assumed.")
    return TRAIN_COMPETING
