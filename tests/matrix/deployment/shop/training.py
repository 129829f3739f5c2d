"""What training code does here: it says, by itself, that it ran."""

import os
from pathlib import Path

import dagster as dg


def train(name: str) -> None:
    """Stands for the training. Leaves one line, with its process, in a file per run, asset and partition."""
    context = dg.OpExecutionContext.get()
    partition = f"@{context.partition_key}" if context.has_partition_key else ""
    note(f"{context.run_id}.{name}{partition}")


def note(file: str) -> None:
    with (Path(os.environ["SHOP_MARKERS"]) / file).open("a") as marker:
        marker.write(f"{os.getpid()}\n")


def need_a_gpu(place: str) -> None:
    """Fails until a place has what training needs."""
    if not (Path(os.environ["SHOP_MARKERS"]) / f"gpu.{place}").exists():
        raise RuntimeError("no GPU is free")
