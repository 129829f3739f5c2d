"""The conformance suite: what any archive backend must pass before a ledger may stand on it.

Write a test class with a way to make archives, and inherit the rest; no test framework is
imported here, any runner that calls ``test_*`` methods will do:

    class TestMyArchive(ArchiveConformance):
        def reopen(self) -> Archive: ...     # a new handle on the same place, each time
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor

from lineage_guard.domain.errors import LedgerError
from lineage_guard.ledger.archive.archive import Archive


class ArchiveConformance(ABC):
    """Tests that hold for every backend. Each test needs an archive that starts empty."""

    @abstractmethod
    def reopen(self) -> Archive:
        """A new handle on the archive of this test; the first finds it empty."""

    def test_absent_key_is_none(self) -> None:
        """Nothing is there before it is put, and asking does not fail."""
        archive = self.reopen()
        _equal(archive.get("state/none.json"), None)
        _equal(archive.file("index/parts/none.parquet", 1), None)
        _equal(list(archive.list("log/")), [])

    def test_bytes_come_back_through_another_handle(self) -> None:
        """What was put is what is read, empty and binary bytes too."""
        for n, data in enumerate((b"", b"x", bytes(range(256)) * 5000)):
            _equal(self.reopen().put_if_absent(f"log/{n}", data), True)
            _equal(self.reopen().get(f"log/{n}"), data)
            _equal(self.reopen().get(f"log/{n}", 3), data[:3])

    def test_second_put_if_absent_changes_nothing(self) -> None:
        """The first writer of a key wins, and the second is told."""
        archive = self.reopen()
        _equal(archive.put_if_absent("log/1", b"first"), True)
        _equal(archive.put_if_absent("log/1", b"second"), False)
        _equal(self.reopen().put_if_absent("log/1", b"first"), False)
        _equal(archive.get("log/1"), b"first")

    def test_one_of_many_racing_writers_wins(self) -> None:
        """Of eight writers to each of ten keys exactly one is told that it won, and its bytes are there."""
        handles = [self.reopen() for _ in range(8)]
        with ThreadPoolExecutor(len(handles)) as pool:
            for key in (f"log/{n}" for n in range(10)):
                tries = [pool.submit(h.put_if_absent, key, b"%d" % i) for i, h in enumerate(handles)]
                won = [i for i, t in enumerate(tries) if t.result()]
                _equal(len(won), 1)
                _equal(self.reopen().get(key), b"%d" % won[0])

    def test_put_replaces(self) -> None:
        """``put`` replaces as a whole, with shorter bytes too."""
        archive = self.reopen()
        archive.put("state/a.json", b"a long first value")
        archive.put("state/a.json", b"short")
        _equal(self.reopen().get("state/a.json"), b"short")

    def test_replace_needs_what_is_there(self) -> None:
        """``replace`` stores only over the value it was told, and over nothing only when told so."""
        archive = self.reopen()
        key = "state/a.json"
        _equal(archive.replace(key, b"1", b"2"), False)
        _equal(archive.get(key), None)
        _equal(archive.replace(key, None, b"1"), True)
        _equal(self.reopen().replace(key, None, b"2"), False)
        _equal(self.reopen().replace(key, b"0", b"2"), False)
        _equal(archive.get(key), b"1")
        _equal(self.reopen().replace(key, b"1", b"longer than before"), True)
        _equal(archive.replace(key, b"longer than before", b""), True)
        _equal(archive.replace(key, b"", b"3"), True)
        _equal(self.reopen().get(key), b"3")

    def test_racing_replacements_lose_nothing(self) -> None:
        """Eight handles that count up together, each trying until it wins, count every step once."""
        handles = [self.reopen() for _ in range(8)]

        def count(archive: Archive) -> None:
            for _ in range(5):
                while True:
                    old = archive.get("state/n.json")
                    if archive.replace("state/n.json", old, b"%d" % (int(old or b"0") + 1)):
                        break

        with ThreadPoolExecutor(len(handles)) as pool:
            for counted in [pool.submit(count, h) for h in handles]:
                counted.result()
        _equal(self.reopen().get("state/n.json"), b"40")

    def test_readers_never_see_a_mix(self) -> None:
        """A reader during replacements sees one value or another, whole."""
        values = [bytes([n]) * 200_000 for n in range(5)]
        archive = self.reopen()
        archive.put("state/a.json", values[0])
        with ThreadPoolExecutor(1) as pool:
            writing = pool.submit(lambda: [self.reopen().put("state/a.json", v) for v in values * 4])
            reads = 0
            while not writing.done() or not reads:
                data = archive.get("state/a.json")
                _true(data in values, "a mix of two values was read")
                reads += 1
            writing.result()

    def test_list_is_sorted_and_goes_on_after(self) -> None:
        """Keys come sorted as texts, across folders, from the one after ``after``, none from elsewhere."""
        archive = self.reopen()
        keys = [f"log/{n // 10:03d}/{n:04d}" for n in range(35)]
        for key in reversed(keys):
            archive.put_if_absent(key, b"x")
        archive.put("logbook/1", b"x")
        archive.put("state/log/1", b"x")
        _equal(list(self.reopen().list("log/")), keys)
        for n in (0, 9, 10, 33, 34):
            _equal(list(archive.list("log/", keys[n])), keys[n + 1 :])
        _equal(list(archive.list("log/", "log/002/")), keys[20:])
        _equal(list(archive.list("log/", "log/zzz")), [])

    def test_list_pages(self) -> None:
        """More keys than one answer of a store holds."""
        archive = self.reopen()
        keys = [f"state/{n:05d}" for n in range(1_050)]
        for key in keys:
            archive.put(key, b"")
        _equal(list(archive.list("state/")), keys)

    def test_list_sees_what_was_stored_before(self) -> None:
        """A listing that begins after a put returned has the key, whichever handle put it."""
        listing = self.reopen()
        for n in range(20):
            self.reopen().put_if_absent(f"log/{n // 7:03d}/{n:04d}", b"x")
            _equal(list(listing.list("log/"))[-1], f"log/{n // 7:03d}/{n:04d}")

    def test_delete(self) -> None:
        """A deleted key is gone and may be put again; deleting nothing is no error."""
        archive = self.reopen()
        archive.put_if_absent("index/a", b"1")
        archive.delete("index/a")
        archive.delete("index/a")
        _equal(archive.get("index/a"), None)
        _equal(archive.put_if_absent("index/a", b"2"), True)

    def test_file_has_the_bytes(self) -> None:
        """``file`` gives a local file with the bytes, and says so when their number is wrong."""
        archive = self.reopen()
        archive.put_if_absent("index/parts/a.parquet", b"12345")
        path = archive.file("index/parts/a.parquet", 5)
        _true(path is not None and path.read_bytes() == b"12345", "the file holds other bytes")
        archive.put_if_absent("index/parts/b.parquet", b"123")
        try:
            archive.file("index/parts/b.parquet", 4)
        except LedgerError as e:
            _true("b.parquet" in str(e), "the error does not name the file")
        else:
            raise AssertionError("a file of the wrong length was accepted")

    def test_place_is_named(self) -> None:
        """Errors can say where."""
        archive = self.reopen()
        _true(archive.describe("log/1").startswith(archive.location), "describe() does not start with the location")


def _equal(found: object, expected: object) -> None:
    if found != expected:
        raise AssertionError(f"found {found!r}, expected {expected!r}")


def _true(condition: bool, message: str) -> None:
    if not condition:
        raise AssertionError(message)
