"""Small models that are really trained here, each writing its weights to ``<home>/data/models``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import lineage_guard
from lineage_guard.domain.terms import TRAIN_COMPETING, TRAIN_INTERNAL_CLASSIFIER

from dagster_project.assets.curation import mixed_set, story_set
from dagster_project.assets.synthetic import OPENINGS
from dagster_project.language_model import Size, train, unigram_perplexity
from dagster_project.resources.tables import Tables

if TYPE_CHECKING:
    import pandas as pd

STUDENT = Size(context=3, embedding=24, hidden=48, epochs=10)


class ModelStore(dg.ConfigurableResource[Any]):
    """A folder of trained weights."""

    folder: str

    def path(self, name: str) -> Path:
        """Where the weights of a model are."""
        path = Path(self.folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def _distil(frame: pd.DataFrame, path: Path) -> dg.MaterializeResult[None]:
    """Train a student on nine rows of ten and measure it on the tenth."""
    texts = [f"{p} {r}" for p, r in zip(frame["prompt"], frame["response"], strict=True)]
    held_out = texts[::10]
    seen = [t for i, t in enumerate(texts) if i % 10]
    student = train(seen, STUDENT)
    student.save(path)
    return dg.MaterializeResult(
        metadata={
            "weights": dg.MetadataValue.path(path),
            "parameters": student.parameters,
            "rows": len(seen),
            "perplexity_held_out": round(student.perplexity(held_out), 1),
            "perplexity_of_word_frequencies": round(unigram_perplexity(seen, held_out), 1),
            "sample": "A Fox " + student.complete("A Fox", seed=1, max_tokens=40).text,
        }
    )


@dg.asset(
    key_prefix="models",
    group_name="models",
    deps=[story_set],
    tags=lineage_guard.training(use=TRAIN_COMPETING),
    owners=["team:stories"],
    kinds={"numpy"},
)
def story_student(tables: Tables, model_store: ModelStore) -> dg.MaterializeResult[None]:
    """A language model distilled from the open model's fables: allowed."""
    frame = tables.query("SELECT * FROM t", t=[tables.path("curated/story_set")])
    return _distil(frame, model_store.path("story_student.npz"))


@dg.asset(
    key_prefix="models",
    group_name="models",
    deps=[mixed_set],
    tags=lineage_guard.training(use=TRAIN_COMPETING),
    owners=["team:assistants"],
    kinds={"numpy"},
)
def mixed_student(tables: Tables, model_store: ModelStore) -> dg.MaterializeResult[None]:
    """The same student on the mixed table, which declares GPT-4o two steps up: blocked."""
    frame = tables.query("SELECT * FROM t", t=[tables.path("curated/mixed_set")])
    return _distil(frame, model_store.path("mixed_student.npz"))


@dg.asset(
    key_prefix="models",
    group_name="models",
    deps=[mixed_set],
    tags=lineage_guard.training(use=TRAIN_INTERNAL_CLASSIFIER),
    owners=["team:search"],
    kinds={"scikitlearn"},
)
def cast_classifier(tables: Tables, model_store: ModelStore) -> dg.MaterializeResult[None]:
    """Tells fables of animals from fables of people. OpenAI's terms leave room for internal classifiers: allowed."""
    import joblib
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_score
    from sklearn.pipeline import make_pipeline

    frame = tables.query("SELECT * FROM t", t=[tables.path("curated/mixed_set")])
    labels = frame["prompt"].isin(OPENINGS["animals"])
    classifier: Any = make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=500))
    accuracy = cross_val_score(classifier, frame["response"], labels, cv=5).mean()
    classifier.fit(frame["response"], labels)
    path = model_store.path("cast_classifier.joblib")
    joblib.dump(classifier, path)
    return dg.MaterializeResult(
        metadata={
            "weights": dg.MetadataValue.path(path),
            "rows": len(frame),
            "accuracy_cross_validated": round(float(accuracy), 3),
            "accuracy_of_the_larger_class": round(float(max(labels.mean(), 1 - labels.mean())), 3),
        }
    )
