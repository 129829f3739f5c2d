"""A small deployment for the command line tests, loaded by path or as a module."""

from datetime import UTC, datetime

import dagster as dg

import lineage_guard
from lineage_guard import ModelSource, declare, source, training
from lineage_guard.domain.rules.waivers import Waiver

RESTRICTED = ModelSource("openai", "gpt-4o", channel="api.openai.com")
DAYS = dg.StaticPartitionsDefinition(["mon", "tue"])


@dg.asset(metadata=declare(RESTRICTED))
def synthetic() -> None: ...


@dg.asset(deps=[synthetic])
def curated() -> None: ...


@dg.asset(deps=[curated], tags=training(use="train_competing"))
def blocked_student() -> None: ...


@dg.asset(metadata=source(human=True))
def letters() -> None: ...


@dg.asset(deps=[letters], tags=training(use="train_competing"))
def allowed_student() -> None: ...


@dg.asset
def mystery() -> None: ...


@dg.asset(deps=[mystery], tags=training(use="train_competing"))
def unknown_student() -> None: ...


@dg.asset(deps=[curated], tags=training(use="train_competing"))
def waived_student() -> None: ...


@dg.asset(partitions_def=DAYS, metadata=source(human=True))
def daily() -> None: ...


@dg.asset(partitions_def=DAYS, deps=[daily], tags=training(use="train_competing"))
def daily_student() -> None: ...


WAIVER = Waiver(
    id="w-1",
    rule="model-terms",
    asset="waived_student",
    reason="agreed",
    requested_by="a@example.com",
    approved_by="b@example.com",
    ticket="T-1",
    expires=datetime(2100, 1, 1, tzinfo=UTC),
    model="gpt-4o",
)

defs = lineage_guard.guard(
    dg.Definitions(
        assets=[
            synthetic,
            curated,
            blocked_student,
            letters,
            allowed_student,
            mystery,
            unknown_student,
            waived_student,
            daily,
            daily_student,
        ]
    ),
    waivers=[WAIVER],
    sensor=False,
)
