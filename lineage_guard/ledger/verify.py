"""Verification of the whole ledger: finds every changed, removed or inserted event, and goes on behind it.

A log that is whole can be held against its index: everything is answered from that, and no chain covers it.

The chain shows what was changed by somebody who cannot write the rest of the log again. Who can
is found by what was written down elsewhere: watermarks in verdicts that were delivered, or
one that an auditor kept (``expected``).
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from lineage_guard.domain.errors import LedgerError
from lineage_guard.ledger.archive.archive import Archive, Copying
from lineage_guard.ledger.archive.batch import GENESIS, Batch, OtherFormat, parse
from lineage_guard.ledger.archive.log import Log, key_of
from lineage_guard.ledger.archive.packs import covering, packs_after, read_pack
from lineage_guard.ledger.index.index import Index, PartGone
from lineage_guard.ledger.index.manifest import Manifest, published

_FACET = "lineageGuard_decision"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it was written: where, and what."""

    where: str
    what: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What a verification saw.

    Attributes:
        batches: batches in the log.
        events: events in them.
        dropped: those of them that retention dropped; their digests are verified.
        verdicts: watermarks in stored verdicts that were compared.
        watermark: the head of the log; keep it outside the ledger to compare later.
        findings: everything that is wrong.
    """

    batches: int
    events: int
    dropped: int
    verdicts: int
    watermark: str
    findings: tuple[Finding, ...]


def verify(archive: Archive, expected: Sequence[str] = (), *, index: bool = False) -> Verified:
    """Read everything, compare every digest, and list what is wrong.

    Args:
        archive: what to verify.
        expected: watermarks that were kept elsewhere.
        index: whether to make the index again from a log that is whole, and compare it; that takes as long as
            compaction did, and room for another index among the temporary files (for two where the ledger is in
            a bucket: its files are fetched, because a copy from before says nothing of what is there now).

    Raises:
        LedgerError: when the archive itself cannot be listed or read, or there is no room to compare the index.
    """
    findings: list[Finding] = []
    chains = {0: GENESIS}
    claims: list[tuple[str, str]] = [("the watermark that was expected", mark) for mark in expected]
    manifests = _manifests(archive, findings)
    events = dropped = verdicts = 0
    end = 0
    for seq, key, found in _batches(archive, max((m.seq for m, _ in manifests), default=0)):
        end = seq
        if isinstance(found, LedgerError):
            findings.append(Finding(found.where or archive.location, found.what))
            continue
        try:
            batch = parse(found, seq, chains.get(seq - 1))
        except OtherFormat as e:
            findings.append(Finding(archive.describe(key), f"batch {seq} cannot be read: {e}"))
            continue
        except (ValueError, KeyError, TypeError, AttributeError) as e:
            findings.append(Finding(archive.describe(key), f"batch {seq} is damaged: {e}"))
            continue
        chains[seq] = batch.chain
        events += len(batch.lines)
        dropped += batch.lines.count(b"")
        for mark in _watermarks(batch):
            verdicts += 1
            claims.append((f"a verdict in {archive.describe(key)}", mark))
    claims += [(where, f"{m.seq}:{m.chain}") for m, where in manifests]
    findings += [Finding(who, what) for who, mark in claims if (what := _compared(mark, chains, end))]
    if manifests:
        with _as_stored(archive) as stored:
            findings += _index(stored, manifests[-1][0])
            if index and not findings:
                findings += _unfaithful(stored, manifests)
    return Verified(end, events, dropped, verdicts, f"{end}:{chains.get(end, '?')}", tuple(findings))


def _batches(archive: Archive, at_least: int) -> Iterator[tuple[int, str, bytes | LedgerError]]:
    """Every number that should be there, where it is, with its bytes or why there are none."""
    loose = Log(archive).loose()
    packs = packs_after(archive, 0)
    end = max(loose[-1] if loose else 0, packs[-1].last if packs else 0, at_least)
    seq = 1
    while seq <= end:
        pack = covering(packs, seq)
        if pack is None:
            data = archive.get(key_of(seq))
            if data is None:
                packs = packs_after(archive, 0)  # packed since the listing?
                if covering(packs, seq):
                    continue
            missing = LedgerError("batch is missing", where=archive.describe(key_of(seq)), fix="restore it")
            yield seq, key_of(seq), missing if data is None else data
            seq += 1
            continue
        try:
            for number, data in read_pack(archive, pack):
                if number >= seq:
                    yield number, pack.key, data
        except LedgerError as e:
            yield pack.last, pack.key, e
        seq = pack.last + 1


def _manifests(archive: Archive, findings: list[Finding]) -> list[tuple[Manifest, str]]:
    try:
        return list(published(archive))
    except LedgerError as e:
        findings.append(Finding(e.where or archive.location, e.what))
        return []


def _index(archive: Archive, manifest: Manifest) -> Iterator[Finding]:
    try:
        Index(archive, manifest).check()
    except PartGone as e:
        yield Finding(archive.describe(e.key), "index file is missing")
    except LedgerError as e:
        yield Finding(e.where or archive.location, e.what)


def _unfaithful(archive: Archive, manifests: Sequence[tuple[Manifest, str]]) -> Iterator[Finding]:
    from lineage_guard.ledger.index.faithful import unfaithful

    where = {manifest.generation: place for manifest, place in manifests}
    batches = Log(archive).after(0, GENESIS)
    for generation, what in unfaithful(archive, [manifest for manifest, _ in manifests], batches):
        yield Finding(where[generation], what)


@contextmanager
def _as_stored(archive: Archive) -> Generator[Archive]:
    """The archive, past any copies of its index that were kept here."""
    try:
        if isinstance(archive, Copying):
            with TemporaryDirectory(prefix="lineage-guard-") as folder:
                yield archive.anew(Path(folder))
        else:
            yield archive
    except OSError as e:
        raise LedgerError(
            f"the index cannot be made again beside the ledger to compare it: {e}",
            where=archive.location,
            fix="let TMPDIR name a folder with room for it, or leave the comparison out with --log-only",
        ) from e


def _compared(mark: str, chains: Mapping[int, str], end: int) -> str | None:
    number, _, chain = mark.partition(":")
    if not number.isdecimal():
        return f"{mark!r} is not a watermark, <batches>:<digest>"
    seq = int(number)
    if seq > end:
        return f"it names batch {seq}, and the log ends at batch {end}: later batches were removed"
    if seq in chains and chains[seq] != chain:
        return f"it names batch {seq} with another digest: the log was written again"
    return None


def _watermarks(batch: Batch) -> Iterator[str]:
    for line in batch.lines:
        if _FACET.encode() in line:
            event = cast("dict[str, Any]", json.loads(line))
            run = event.get("run")
            facets = cast("dict[str, Any]", run).get("facets") if isinstance(run, dict) else None
            facet = cast("dict[str, Any]", facets).get(_FACET) if isinstance(facets, dict) else None
            mark = cast("dict[str, Any]", facet).get("watermark") if isinstance(facet, dict) else None
            if isinstance(mark, str) and ":sha256:" in mark:
                yield mark
