"""A round comes to every version that was there when something changed last, whatever comes and goes meanwhile."""

from hypothesis import given
from hypothesis import strategies as st

from lineage_guard.dagster.sensor.rounds import Place, Round, dump_round, load_round, place_of
from lineage_guard.domain.facts import Version

RUNS = [f"{n:02}" for n in range(12)]
#: A few are looked at, a version comes or goes, or something changes.
STEPS = st.one_of(st.integers(1, 4), st.sampled_from(RUNS), st.just("changed"))


def version(run: str) -> Version:
    return Version("d", "student", None, run)


@given(st.sets(st.sampled_from(RUNS)), st.lists(STEPS, max_size=12), st.integers(1, 4))
def test_every_version_is_looked_at_after_the_last_change(there: set[str], steps: list[int | str], most: int) -> None:
    one, seen = Round(), list[str]()

    def look(most: int) -> bool:
        nonlocal one
        one = load_round(dump_round(one)) or Round()
        left = one.left(map(version, sorted(there)))
        for each in left[:most]:
            seen.append(each.run or "")
            one = one.past(each)
        return len(left) <= most

    for step in steps:
        if isinstance(step, int):
            if look(step):
                one, seen = Round(), []
        else:
            there = there ^ {step} if step != "changed" else there
            one, seen = one.again(), []
    turns = 0
    while not look(most):
        turns += 1
        assert turns <= len(RUNS)
    assert set(seen) >= there
    assert len(seen) <= len(there) + 1


def test_the_newest_come_first_and_what_cannot_be_read_is_a_beginning() -> None:
    assert [v.run for v in Round().left(map(version, RUNS[:3]))] == ["02", "01", "00"]
    assert place_of(Version("d", "t", "de", "r")) == Place("r", "de")
    assert load_round(dump_round(None)) is None
    assert load_round("x") == load_round({}) == load_round({"after": [1, 2, 3], "until": None}) == Round()
