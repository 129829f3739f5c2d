"""A mixed table split by what its rows say of themselves, with the policy's own judgement of each source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any, NamedTuple

from lineage_guard.domain.errors import SuiteError
from lineage_guard.domain.facts import Assertion, ModelSource, Production, Version
from lineage_guard.domain.lineage.closure import Ancestry, close, extend
from lineage_guard.domain.lineage.filtering import RowSource, source_of
from lineage_guard.domain.rules.assets import AssetFacts
from lineage_guard.domain.rules.policy import Policy
from lineage_guard.domain.verdict.decide import decide
from lineage_guard.gx.rows import RowsTable, normalise_channel, normalise_model

if TYPE_CHECKING:
    from lineage_guard.gx.tables.duckdb import DuckDBRows

MISSING = "its provenance is missing"
UNDECLARED = "nothing upstream declares such a model"


class Group(NamedTuple):
    """Rows that say the same of themselves; ``None`` where they say nothing.

    Attributes:
        model: normalised id.
        channel: normalised channel.
        usage: in upper case.
        day: of generation, in UTC.
        rows: how many.
    """

    model: str | None
    channel: str | None
    usage: str | None
    day: date | None
    rows: int


@dataclass(frozen=True)
class Judged:
    """What becomes of a group of rows.

    Attributes:
        group: the rows.
        why: why they are restricted; empty for permitted rows.
        declared: the declared models that the rows name.
    """

    group: Group
    why: str
    declared: tuple[ModelSource, ...] = ()

    @property
    def permitted(self) -> bool:
        """Whether the rows go to the permitted side."""
        return not self.why


@dataclass(frozen=True)
class Judgement:
    """What becomes of all rows of a table.

    Attributes:
        groups: each kind of row.
        remaining: the models of the permitted rows, each dated by rows of its own.
        sources: every declared model that some restricted row names.
    """

    groups: tuple[Judged, ...]
    remaining: tuple[ModelSource, ...]
    sources: tuple[RowSource, ...]

    def rows(self, permitted: bool) -> int:
        """How many rows go to one side."""
        return sum(j.group.rows for j in self.groups if j.permitted is permitted)


class Splitter:
    """An open mixed table.

    Args:
        table: where it is; something that DuckDB reads.

    Raises:
        SuiteError: when it is on another engine, or cannot be opened.
    """

    def __init__(self, table: RowsTable) -> None:
        from lineage_guard.gx.tables.duckdb import DuckDBRows

        rows: Any = table.open()
        if not isinstance(rows, DuckDBRows):
            rows.close()
            raise SuiteError(
                "only what DuckDB reads can be split",
                where=table.label,
                fix="give in_duckdb(...), in_parquet(...), in_frame(...) or from_relation(...)",
            )
        self._rows: DuckDBRows = rows

    def __enter__(self) -> Splitter:
        return self

    def __exit__(self, *_: object) -> None:
        self._rows.close()

    def groups(self) -> list[Group]:
        """The kinds of rows, by what they say of themselves."""
        from lineage_guard.gx.tables.duckdb import AS_THEY_ARE, PREFIX

        found = self._rows.connection.execute(
            f"SELECT {PREFIX}model, {PREFIX}channel, {PREFIX}usage, CAST({PREFIX}generated_at AS DATE), count(*) "
            f"FROM {AS_THEY_ARE} GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        return [Group(*row) for row in found]

    def part(self, judgement: Judgement, permitted: bool) -> Any:
        """The rows of one side as an Arrow table, as they are. Rows that were not judged are restricted.

        Args:
            judgement: of ``groups``.
            permitted: which side.
        """
        from lineage_guard.gx.tables.duckdb import AS_THEY_ARE, PREFIX

        connection = self._rows.connection
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE judged (model VARCHAR, channel VARCHAR, usage VARCHAR, day DATE)"
        )
        allowed = [list(j.group[:4]) for j in judgement.groups if j.permitted]
        if allowed:
            connection.executemany("INSERT INTO judged VALUES (?, ?, ?, ?)", allowed)
        same = (
            f"j.model = r.{PREFIX}model AND j.channel = r.{PREFIX}channel AND j.usage = r.{PREFIX}usage "
            f"AND j.day = CAST(r.{PREFIX}generated_at AS DATE)"
        )
        own = f"r.* EXCLUDE ({', '.join(f'{PREFIX}{c}' for c in ('model', 'channel', 'usage', 'generated_at'))})"
        # Permitted rows have no NULL in these, so plain equality finds them and an ANTI JOIN all others.
        join = "SEMI" if permitted else "ANTI"
        found: Any = connection.sql(f"SELECT {own} FROM {AS_THEY_ARE} r {join} JOIN judged j ON {same}")
        return found.to_arrow_table()


def judge(
    groups: Iterable[Group], known: Sequence[ModelSource], policy: Policy, ancestry: Ancestry, use: str, at: datetime
) -> Judgement:
    """Judge each kind of row as the gate would judge a table that holds nothing else.

    A row that names several declared models, e.g. two snapshots of one, is permitted when all of
    them are. Waivers are not asked: a waiver accepts a risk, and does not make rows clean.

    Args:
        groups: the kinds of rows.
        known: models that are declared upstream of the table.
        policy: rules and terms.
        ancestry: what is publicly known of the models themselves.
        use: what the permitted rows are for.
        at: the time (timezone-aware UTC).
    """
    by_name: dict[tuple[str, str, str], list[ModelSource]] = {}
    for model in dict.fromkeys(known):
        name = (normalise_model(model.model), normalise_channel(model.channel or ""), model.usage.value)
        by_name.setdefault(name, []).append(model)
    found: list[Judged] = []
    for group in groups:
        if group.model is None or group.channel is None or group.usage is None or group.day is None:
            found.append(Judged(group, MISSING))
            continue
        declared = tuple(by_name.get((group.model, group.channel, group.usage), ()))
        why = "; ".join(
            dict.fromkeys(filter(None, (_stopped(m, group.day, policy, ancestry, use, at) for m in declared)))
        )
        found.append(Judged(group, why if declared else UNDECLARED, declared))
    named = dict.fromkeys(source_of(m) for j in found if not j.permitted for m in j.declared)
    return Judgement(tuple(found), _remaining(found, policy), tuple(named))


def _stopped(model: ModelSource, day: date, policy: Policy, ancestry: Ancestry, use: str, at: datetime) -> str:
    row = Version("quarantine", "row")
    closure = extend(close(Production((row,), models=(_on(model, day),)), []), ancestry)
    # Rows are no asset of anybody's: what rules ask of one is asked again where something learns from the rest.
    closure = replace(closure, asset=AssetFacts(""))
    verdict = decide(closure, policy, (), use, at)
    return next(f.reason.value for f in verdict.findings) if verdict.stops else ""


def _on(model: ModelSource, day: date) -> ModelSource:
    moment = datetime.combine(day, time(), UTC)
    return replace(model, generated_at=moment, partitions=(), fields=(), asserted_by=Assertion.DECLARED)


def _remaining(judged: Sequence[Judged], policy: Policy) -> tuple[ModelSource, ...]:
    """The models of permitted rows, once for each text of terms that binds some of them."""
    first: dict[tuple[ModelSource, tuple[str, ...]], ModelSource] = {}
    counts: dict[tuple[ModelSource, tuple[str, ...]], int] = {}
    for j in sorted((j for j in judged if j.permitted), key=lambda j: j.group.day or date.min):
        for model in j.declared:
            dated = _on(model, j.group.day or date.min)
            layers = tuple(t.id for t in policy.terms.resolve(dated, j.group.day).layers)
            key = (replace(dated, generated_at=None, record_count=None), layers)
            first.setdefault(key, dated)
            counts[key] = counts.get(key, 0) + j.group.rows
    return tuple(replace(model, record_count=counts[key]) for key, model in first.items())


def counted(judgement: Judgement) -> list[Mapping[str, str]]:
    """Each kind of row as text, restricted ones first, for people who audit the split."""
    ordered = sorted(judgement.groups, key=lambda j: (j.permitted, -j.group.rows))
    return [
        {
            "part": "permitted" if j.permitted else "restricted",
            "model": j.group.model or "",
            "channel": j.group.channel or "",
            "usage": j.group.usage or "",
            "day": str(j.group.day or ""),
            "rows": str(j.group.rows),
            "why": j.why,
        }
        for j in ordered
    ]
