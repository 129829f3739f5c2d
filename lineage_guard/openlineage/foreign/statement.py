"""What one event of another producer says, kept as it was said until all of them can be read together.

A Spark run names its inputs at START and its outputs at COMPLETE; a table is renamed by one
event and written by another; events arrive late and out of order. So no event is interpreted
alone: ``foreign.assemble`` reads all statements at once, and their order does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from lineage_guard.domain.facts import Influence, Pin, Production, Version
from lineage_guard.openlineage.foreign.tracing import Place


class Heard(NamedTuple):
    """One input an event lists.

    Attributes:
        version: the version; without a run when the event does not say which.
        influence: what the event says of it as a whole.
        pin: how surely the version is known.
        model: whether it is a model in a namespace that can be a supplier's.
    """

    version: Version
    influence: Influence = Influence.DIRECT
    pin: Pin = Pin.CONSERVATIVE
    model: bool = False


class Written(NamedTuple):
    """One output an event lists.

    Attributes:
        version: the version that was written.
        replaces: whether nothing of what the dataset held before is in it.
        empties: whether it holds nothing (DROP, TRUNCATE).
        formerly: the name it had before a RENAME.
        sources: datasets its own facets name as sources, each with an influence.
        jobs: jobs its own facets name as sources.
        own: whether the sources are all there are, as in an entry of an explicit lineage facet
            that the event does not list as an output.
        claim: what our own facets on it say.
    """

    version: Version
    replaces: bool = False
    empties: bool = False
    formerly: Place | None = None
    sources: tuple[tuple[Place, Influence], ...] = ()
    jobs: tuple[tuple[Place, Influence], ...] = ()
    own: bool = False
    claim: Production | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """One event of a run that is not our own, or of a dataset's life.

    Attributes:
        run: run id, in lower case.
        job: (namespace, name).
        at: event time, UTC.
        state: START, RUNNING, COMPLETE, FAIL, ABORT or OTHER.
        streaming: whether the job writes while it runs, rather than when it completes.
        producer: URI of who sent it.
        heard: inputs.
        written: outputs.
        aliases: pairs of names of the same dataset.
    """

    run: str
    job: Place
    at: datetime
    state: str
    streaming: bool = False
    producer: str = ""
    heard: tuple[Heard, ...] = ()
    written: tuple[Written, ...] = ()
    aliases: tuple[tuple[Place, Place], ...] = ()
