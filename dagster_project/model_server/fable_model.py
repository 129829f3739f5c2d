"""The served model: trained from the shipped fables on first use, then read from the cache."""

from __future__ import annotations

from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

from dagster_project.language_model import LanguageModel, Size, train
from dagster_project.settings import FABLE_MODEL

MODEL_ID = FABLE_MODEL
LICENSE = "Apache-2.0"
CORPUS = Path(__file__).with_name("corpus") / "fables.txt"
SIZE = Size(epochs=8)
SEED = 7


def fables() -> list[str]:
    """The training text: one fable each, without its title."""
    return [block.split("\n", 1)[1].strip() for block in CORPUS.read_text("utf-8").strip().split("\n\n")]


def load_or_train(cache: Path) -> LanguageModel:
    """Return the model, training it when the cache holds none for this text and size.

    Args:
        cache: folder for the trained weights; safe to delete, safe to share.
    """
    recipe = f"{asdict(SIZE)} {SEED} {CORPUS.read_text('utf-8')}"
    path = cache / f"fable-lm-{sha256(recipe.encode()).hexdigest()[:12]}.npz"
    if not path.exists():
        train(fables(), SIZE, seed=SEED).save(path)
    return LanguageModel.load(path)
