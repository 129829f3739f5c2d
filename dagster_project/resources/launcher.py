"""Hands fine-tunes of large models to a training cluster.

What this deployment has in place of a cluster is a folder: submitting a job writes the job
file that a cluster's scheduler would pick up. Nothing is downloaded and no large model is
trained here. The small models in ``assets/models.py`` are trained for real.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg


class TrainingLauncher(dg.ConfigurableResource[Any]):
    """Submits training jobs."""

    folder: str

    def submit(self, name: str, *, base_model: str, dataset: str, method: str, **settings: float) -> Path:
        """Write a job file; returns its path.

        Args:
            name: name of the model to train.
            base_model: model to start from.
            dataset: public id of the training data.
            method: e.g. ``"sft"``.
            settings: hyperparameters.
        """
        path = Path(self.folder) / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        job = {
            "name": name,
            "base_model": base_model,
            "dataset": dataset,
            "method": method,
            "settings": settings,
            "submitted_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        path.write_text(json.dumps(job, indent=2) + "\n", "utf-8")
        return path
