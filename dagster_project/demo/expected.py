"""What the demo's training assets must do, and the file that proves whether one ran."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Expected:
    """One training asset.

    Attributes:
        asset: its name.
        proof: file that its own code writes when it runs, below the data folder.
        runs: whether it must run; ``None`` when that depends on the models configured.
        decisions: the verdicts that may go with it.
    """

    asset: str
    proof: str
    runs: bool | None
    decisions: tuple[str, ...]

    def ran(self, data: Path) -> bool:
        """Whether its code ran."""
        return (data / self.proof).exists()


def expectations(env: Mapping[str, str] = os.environ) -> tuple[Expected, ...]:
    """The training assets of the deployment.

    With a model of your own behind ``MODEL_BASE_URL`` its terms decide about what is trained
    on it, so nothing is expected there.
    """
    own = bool(env.get("MODEL_BASE_URL"))
    return (
        Expected("finetune/smoltalk_assistant", "jobs/smoltalk_assistant.json", False, ("BLOCK",)),
        Expected("finetune/smoltalk_topic_classifier", "jobs/smoltalk_topic_classifier.json", True, ("WARN",)),
        Expected("finetune/magpie_assistant", "jobs/Llama-magpie_assistant.json", True, ("WARN",)),
        Expected("finetune/s1_reasoner", "jobs/s1_reasoner.json", True, ("ALLOW",)),
        Expected("models/mixed_student", "models/mixed_student.npz", False, ("BLOCK",)),
        # OpenAI's terms leave room for internal classifiers since 2026; what was made before is warned of.
        Expected("models/cast_classifier", "models/cast_classifier.joblib", None if own else True, ("ALLOW", "WARN")),
        Expected("models/story_student", "models/story_student.npz", None if own else True, ("ALLOW",)),
    )
