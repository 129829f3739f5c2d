"""Random histories on a real instance: never fewer models than there are, and exactly those when pins are exact."""

import sys
from pathlib import Path

import dagster as dg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "dagster"))

from collect_world import ModelConfig, World, derived, generated, model, world

from lineage_guard.dagster.declare import declare

LANGUAGES = dg.StaticPartitionsDefinition(["en", "de"])
MODELS = st.sampled_from(["gpt-4o", "llama-3", "qwen-2", "mistral-7b"])
PARTITION = st.sampled_from(["en", "de"])
STEP = st.one_of(
    st.tuples(st.just("synth"), PARTITION, MODELS),
    st.tuples(st.just("raw"), st.none(), MODELS),
    st.tuples(st.just("clean"), PARTITION, st.none()),
    st.tuples(st.just("merged"), st.none(), st.none()),
    st.tuples(st.just("out"), st.none(), st.none()),
    st.tuples(st.just("racy"), st.none(), st.tuples(st.booleans(), MODELS)),
    st.tuples(st.just("all"), st.none(), MODELS),
    st.tuples(st.just("grown"), st.none(), st.tuples(st.sampled_from(["append", "overwrite"]), MODELS)),
    st.tuples(st.just("slow"), st.none(), st.tuples(st.booleans(), MODELS)),
)


def deployment(w: World, race: list[tuple[bool, str]]) -> None:
    def racing(context: dg.AssetExecutionContext, partition: str | None) -> frozenset[str]:
        before, name = race[-1] if race else (True, "gpt-4o")
        found = w.read("raw") | w.all_of("synth")
        w.run("raw", raw=name)
        w.run("synth", partition="en", synth=name)
        return found if before else w.read("raw") | w.all_of("synth")

    @dg.asset(metadata={"lineage_guard/writes": "append"})
    def grown(context: dg.AssetExecutionContext, config: ModelConfig) -> None:
        how, _, name = config.model.partition(" ")
        w.write("grown", frozenset([name]) | (w.read("grown") if how == "append" else frozenset()))
        context.add_output_metadata(declare(model(name), writes=how))

    @dg.asset
    def slow(context: dg.AssetExecutionContext, config: ModelConfig) -> None:
        when, _, name = config.model.partition(" ")
        context.add_output_metadata(declare(model(name)))
        w.write("slow", frozenset([name]))
        # Somebody reads what is stored already and logged later, and it may be collected in between.
        w.run("hasty")
        if when == "collect":
            w.collect()

    w.assets = [
        grown,
        slow,
        derived(w, "hasty", lambda c, p: w.read("slow") | w.read("grown"), deps=["slow", "grown"]),
        generated(w, "raw"),
        generated(w, "synth", partitions_def=LANGUAGES),
        derived(w, "clean", lambda c, p: w.read("synth", [p]), deps=["synth"], partitions_def=LANGUAGES),
        derived(w, "merged", lambda c, p: w.all_of("clean") | w.read("raw"), deps=["clean", "raw"]),
        derived(w, "racy", racing, deps=["raw", "synth"]),
        derived(
            w,
            "out",
            lambda c, p: w.read("merged") | w.read("racy") | w.read("hasty"),
            deps=["merged", "racy", "hasty"],
        ),
    ]


@pytest.mark.long
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@example(
    steps=[("clean", "en", None), ("racy", None, (True, "qwen-2")), ("raw", None, "mistral-7b")],
    collect_at=8,
)
@given(steps=st.lists(STEP, min_size=4, max_size=9), collect_at=st.integers(0, 8))
def test_never_fewer_models_than_there_are(steps: list[tuple[str, str | None, object]], collect_at: int) -> None:
    with world() as w:
        race: list[tuple[bool, str]] = []
        deployment(w, race)
        for n, (name, partition, how) in enumerate(steps):
            if name == "all":
                w.run("raw", "merged", "out", raw=str(how))
            elif name == "grown" and isinstance(how, tuple):
                w.run("grown", grown=" ".join(how))
            elif name == "slow" and isinstance(how, tuple):
                w.run("slow", slow=f"{'collect' if how[0] else 'wait'} {how[1]}")
            elif name in ("raw", "synth"):
                w.run(name, partition=partition, **{name: str(how)})
            else:
                if isinstance(how, tuple):
                    race.append(how)
                w.run(name, partition=partition)
            if n == collect_at:
                w.collect()
        w.collect()
        assert w.data
        for (name, partition), truth in w.data.items():
            found = w.reached(name, partition)
            assert found >= truth, (name, partition, steps)
            if w.exact(name, partition):
                assert found == truth, (name, partition, steps)
