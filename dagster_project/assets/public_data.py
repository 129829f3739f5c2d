"""Fine-tunes on public datasets. Their licences say Apache-2.0, MIT or Llama; their ancestors decide."""

from typing import Any

import dagster as dg

import lineage_guard
from dagster_project.resources.launcher import TrainingLauncher
from lineage_guard.domain.rules.terms import TRAIN_COMPETING, TRAIN_INTERNAL_CLASSIFIER

SMOLTALK = "HuggingFaceTB/smoltalk"
S1K = "simplescaling/s1K-1.1"
MAGPIE = "argilla/magpie-ultra-v1.0"

public_data = lineage_guard.public_assets(SMOLTALK, S1K, MAGPIE)
_smoltalk, _s1k, _magpie = (spec.key for spec in public_data[:3])  # their ancestors follow


@dg.asset(
    key_prefix="finetune",
    group_name="public_data",
    deps=[_smoltalk],
    tags=lineage_guard.training(use=TRAIN_COMPETING),
    owners=["team:assistants"],
)
def smoltalk_assistant(training_launcher: TrainingLauncher) -> dg.MaterializeResult[Any]:
    """A chat assistant from SmolTalk, which holds OpenHermes-2.5, which GPT-4 wrote: blocked."""
    job = training_launcher.submit(
        "smoltalk_assistant",
        base_model="Qwen/Qwen2.5-1.5B",
        dataset=SMOLTALK,
        method="sft",
        epochs=2,
        learning_rate=2e-5,
    )
    return dg.MaterializeResult(metadata={"job": str(job)})


@dg.asset(
    key_prefix="finetune",
    group_name="public_data",
    deps=[_s1k],
    tags=lineage_guard.training(use=TRAIN_COMPETING),
    owners=["team:reasoning"],
)
def s1_reasoner(training_launcher: TrainingLauncher) -> dg.MaterializeResult[Any]:
    """A reasoning model from s1K-1.1, whose answers DeepSeek-R1 wrote under MIT: allowed."""
    job = training_launcher.submit(
        "s1_reasoner", base_model="Qwen/Qwen2.5-7B", dataset=S1K, method="sft", epochs=5, learning_rate=1e-5
    )
    return dg.MaterializeResult(metadata={"job": str(job)})


@dg.asset(
    key_prefix="finetune",
    group_name="public_data",
    deps=[_magpie],
    tags=lineage_guard.training(use=TRAIN_COMPETING),
    owners=["team:assistants"],
)
def magpie_assistant(training_launcher: TrainingLauncher) -> dg.MaterializeResult[Any]:
    """A chat assistant from Magpie Ultra, which Llama 3.1 wrote: warned, for its name must begin with "Llama"."""
    job = training_launcher.submit(
        "Llama-magpie_assistant",
        base_model="meta-llama/Llama-3.1-8B",
        dataset=MAGPIE,
        method="sft",
        epochs=2,
        learning_rate=1e-5,
    )
    return dg.MaterializeResult(metadata={"job": str(job)})


@dg.asset(
    key_prefix="finetune",
    group_name="public_data",
    deps=[_smoltalk],
    tags=lineage_guard.training(use=TRAIN_INTERNAL_CLASSIFIER),
    owners=["team:assistants"],
)
def smoltalk_topic_classifier(training_launcher: TrainingLauncher) -> dg.MaterializeResult[Any]:
    """An internal classifier from the same SmolTalk: another use, so warned and not blocked."""
    job = training_launcher.submit(
        "smoltalk_topic_classifier",
        base_model="answerdotai/ModernBERT-base",
        dataset=SMOLTALK,
        method="sequence-classification",
        epochs=1,
        learning_rate=5e-5,
    )
    return dg.MaterializeResult(metadata={"job": str(job)})
