"""A deployment whose sensors lose what they need, and find it again."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from collect_world import human, now
from dagster._core.remote_origin import RegisteredCodeLocationOrigin

from lineage_guard.alerts import Context, Sink
from lineage_guard.dagster.sensor.sensor import Delivery, tick
from lineage_guard.dagster.settings import Settings
from lineage_guard.domain.errors import LedgerError


class Deployment:
    """A Dagster instance on disk, and a ledger that can be taken away."""

    def __init__(self, folder: Path, empty: Path, open_: ExitStack) -> None:
        self.home = Path(shutil.copytree(empty, folder / "home"))
        self.place = folder / "ledger"
        self.at = now()
        self.assets = [human("text")]
        self.cursors: dict[str, str | None] = {}
        self.open = open_
        self.restart()

    def restart(self) -> None:
        """What the daemon and the code servers held in memory is gone."""
        self.instance = self.open.enter_context(dg.DagsterInstance.local_temp(str(self.home)))

    def tick(self, location: str, sinks: Sequence[Sink], place: Path | None = None, **settings: Any) -> Any:
        self.at += timedelta(seconds=30)
        definitions = dg.Definitions(assets=self.assets)
        cursor = self.cursors.get(location)
        context = dg.build_sensor_context(instance=self.instance, definitions=definitions, cursor=cursor)
        context._code_location_origin = RegisteredCodeLocationOrigin(location)
        alerting = Context(serve_url="https://guard.example", dagster_url="https://dagster.example")
        told = Settings(**{"ledger": str(place or self.place), **settings})
        result = tick(context, told, Delivery(sinks=sinks, context=alerting), self.at)
        self.cursors[location] = context.cursor
        return result

    def fails(
        self, location: str, sinks: Sequence[Sink], error: type[Exception] = LedgerError, **settings: Any
    ) -> None:
        with pytest.raises(error):
            self.tick(location, sinks, **settings)

    def lose(self) -> None:
        self.place.rename(self.place.with_name("away"))
        self.place.write_text("not a ledger")

    def find(self) -> None:
        self.place.unlink()
        self.place.with_name("away").rename(self.place)
