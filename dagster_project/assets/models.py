"""Small models that are really trained here, each writing its weights to ``<home>/data/models``."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import dagster as dg

import lineage_guard
from dagster_project.assets.curation import mixed_set, story_set
from dagster_project.assets.synthetic import OPENINGS
from dagster_project.language_model import Size, train, unigram_perplexity
from dagster_project.resources.tables import Row, Tables
from lineage_guard.domain.rules.terms import TRAIN_COMPETING, TRAIN_INTERNAL_CLASSIFIER

STUDENT = Size(context=3, embedding=24, hidden=48, epochs=10)


class ModelStore(dg.ConfigurableResource[Any]):
    """A folder of trained weights."""

    folder: str

    def path(self, name: str) -> Path:
        """Where the weights of a model are."""
        path = Path(self.folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def _distil(rows: list[Row], path: Path) -> dg.MaterializeResult[Any]:
    """Train a student on nine rows of ten and measure it on the tenth."""
    texts = [f"{row['prompt']} {row['response']}" for row in rows]
    held_out = texts[::10]
    seen = [t for i, t in enumerate(texts) if i % 10]
    student = train(seen, STUDENT)
    student.save(path)
    return dg.MaterializeResult(
        metadata={
            "weights": str(path),
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
def story_student(tables: Tables, model_store: ModelStore) -> dg.MaterializeResult[Any]:
    """A language model distilled from the open model's fables: allowed."""
    rows = tables.query("SELECT * FROM t", t=[tables.path("curated/story_set")])
    return _distil(rows, model_store.path("story_student.npz"))


@dg.asset(
    key_prefix="models",
    group_name="models",
    deps=[mixed_set],
    tags=lineage_guard.training(use=TRAIN_COMPETING),
    owners=["team:assistants"],
    kinds={"numpy"},
)
def mixed_student(tables: Tables, model_store: ModelStore) -> dg.MaterializeResult[Any]:
    """The same student on the mixed table, which declares GPT-4o two steps up: blocked."""
    rows = tables.query("SELECT * FROM t", t=[tables.path("curated/mixed_set")])
    return _distil(rows, model_store.path("mixed_student.npz"))


@dg.asset(
    key_prefix="models",
    group_name="models",
    deps=[mixed_set],
    tags=lineage_guard.training(use=TRAIN_INTERNAL_CLASSIFIER),
    owners=["team:search"],
    kinds={"scikitlearn"},
)
def cast_classifier(tables: Tables, model_store: ModelStore) -> dg.MaterializeResult[Any]:
    """Tells fables of animals from fables of people. OpenAI's terms leave room for internal classifiers: allowed."""
    rows = tables.query("SELECT * FROM t", t=[tables.path("curated/mixed_set")])
    of_animals = [row["prompt"] in OPENINGS["animals"] for row in rows]
    path = model_store.path("cast_classifier.joblib")
    accuracy = _fit_classifier([row["response"] for row in rows], of_animals, path)
    larger_class = max(sum(of_animals), len(rows) - sum(of_animals)) / len(rows)
    return dg.MaterializeResult(
        metadata={
            "weights": str(path),
            "rows": len(rows),
            "accuracy_cross_validated": round(accuracy, 3),
            "accuracy_of_the_larger_class": round(larger_class, 3),
        }
    )


def _untyped(module: str) -> Any:
    """A module that ships no type hints."""
    return import_module(module)


def _fit_classifier(texts: list[str], labels: list[bool], path: Path) -> float:
    """Fit and save a TF-IDF classifier; returns its accuracy in fivefold cross-validation."""
    vectors = _untyped("sklearn.feature_extraction.text").TfidfVectorizer()
    regression = _untyped("sklearn.linear_model").LogisticRegression(max_iter=500)
    classifier = _untyped("sklearn.pipeline").make_pipeline(vectors, regression)
    accuracy = _untyped("sklearn.model_selection").cross_val_score(classifier, texts, labels, cv=5).mean()
    _untyped("joblib").dump(classifier.fit(texts, labels), path)
    return float(accuracy)
