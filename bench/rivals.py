"""What the ledger's searches are measured against, each on the very same edges.

Every rival answers with a fingerprint of the set of nodes it reached, never with a number alone.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, NamedTuple

import numpy as np

from tests.postgres_server import server

Array = np.ndarray[Any, Any]
STATEMENT_TIMEOUT_S = 120

# The limit for a cold process: every edge from Parquet, a CSR, a search; no names, no facts, no checks.
COLD_LIMIT = """
import json, sys
import duckdb, numpy as np
start, here, there, files = int(sys.argv[1]), sys.argv[2], sys.argv[3], json.loads(sys.argv[4])
connection = duckdb.connect()
connection.execute("SET enable_progress_bar = false")
edges = connection.execute(f"SELECT {here}, {there} FROM read_parquet($f)", {"f": files}).fetchnumpy()
a, b = edges[here], edges[there]
n = int(max(a.max(), b.max())) + 1
order = np.argsort(a, kind="stable")
b = b[order]
indptr = np.zeros(n + 1, dtype=np.int64)
np.cumsum(np.bincount(a, minlength=n), out=indptr[1:])
seen = np.zeros(n, dtype=bool); seen[start] = True
frontier = np.array([start])
while frontier.size:
    low, counts = indptr[frontier], indptr[frontier + 1] - indptr[frontier]
    rows = np.repeat(low - (np.cumsum(counts) - counts), counts) + np.arange(counts.sum())
    found = np.unique(b[rows]); frontier = found[~seen[found]]; seen[frontier] = True
print(int(seen.sum()))
"""

#: Linux's own count; what wait4 reports includes the process that forked.
PEAK_KIB = """
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


class Nodes(NamedTuple):
    """A set of node ids: how many, their sum, their exclusive or."""

    count: int
    total: int
    xor: int


def fingerprint(ids: Array) -> Nodes:
    ids = np.asarray(ids, dtype=np.int64)
    return Nodes(int(ids.size), int(ids.sum()), int(np.bitwise_xor.reduce(ids)) if ids.size else 0)


class Csr:
    """A CSR held in memory: the limit for a process that stays.

    Args:
        here: the end of each edge that the search comes from.
        there: the other end.
    """

    def __init__(self, here: Array, there: Array) -> None:
        size = int(max(here.max(), there.max())) + 1
        self._there = there[np.argsort(here, kind="stable")].astype(np.int64)
        self._first = np.zeros(size + 1, dtype=np.int64)
        np.cumsum(np.bincount(here, minlength=size), out=self._first[1:])

    def reached(self, start: int) -> Array:
        seen = np.zeros(self._first.size - 1, dtype=np.bool_)
        seen[start] = True
        frontier = np.array([start])
        while frontier.size:
            low = self._first[frontier]
            counts = self._first[frontier + 1] - low
            rows = np.repeat(low - (np.cumsum(counts) - counts), counts) + np.arange(counts.sum())
            found = np.unique(self._there[rows])
            frontier = found[~seen[found]]
            seen[frontier] = True
        return np.flatnonzero(seen)


def rustworkx_graph(child: Array, parent: Array, nodes: int) -> Any:
    import rustworkx

    graph = rustworkx.PyDiGraph(multigraph=True)
    graph.add_nodes_from([None] * nodes)
    graph.add_edges_from_no_data(list(zip(parent.tolist(), child.tolist(), strict=True)))
    return graph


@contextmanager
def postgres() -> Iterator[Any]:
    """A connection to a PostgreSQL of our own in a temporary folder; as root it runs as ``nobody``.

    Raises:
        FileNotFoundError: when PostgreSQL is not installed.
    """
    import psycopg2

    memory = ("shared_buffers=1GB", "work_mem=512MB", "maintenance_work_mem=1GB")
    with (
        server(*memory, "max_wal_size=8GB", "wal_level=minimal", "max_wal_senders=0", "jit=off") as url,
        closing(psycopg2.connect(url.replace("+psycopg2", ""))) as connection,
    ):
        connection.autocommit = True
        yield connection


def postgres_load(connection: Any, child: Array, parent: Array) -> None:
    """The edges with an index for each direction, vacuumed and analysed."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS edges; CREATE UNLOGGED TABLE edges (child int, parent int)")
        step = 500_000
        for low in range(0, child.size, step):
            text = io.BytesIO()
            np.savetxt(text, np.column_stack([child[low : low + step], parent[low : low + step]]), "%d", "\t")
            text.seek(0)
            cursor.copy_expert("COPY edges FROM STDIN", text)
        cursor.execute("CREATE INDEX ON edges (child) INCLUDE (parent); CREATE INDEX ON edges (parent) INCLUDE (child)")
        cursor.execute("VACUUM ANALYZE edges")
        cursor.execute(f"SET statement_timeout = '{STATEMENT_TIMEOUT_S}s'")


def postgres_reached(connection: Any, start: int, here: str, there: str) -> Nodes:
    """A recursive CTE with UNION on the node alone, the form that ends on cycles.

    Raises:
        TimeoutError: after ``STATEMENT_TIMEOUT_S``.
    """
    import psycopg2

    query = f"""
        WITH RECURSIVE reached(n) AS (
            SELECT {start}::int UNION SELECT e.{there} FROM reached r JOIN edges e ON e.{here} = r.n
        ) SELECT count(*), sum(n::bigint), bit_xor(n) FROM reached
    """
    with connection.cursor() as cursor:
        try:
            cursor.execute(query)
        except psycopg2.errors.QueryCanceled:
            raise TimeoutError from None
        count, total, xor = cursor.fetchone()
    return Nodes(int(count), int(total), int(xor))
