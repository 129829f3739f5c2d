"""A deployment like any other: assets, resources, a job. The line that guards it is the last one."""

from __future__ import annotations

import os

import dagster as dg
import lineage_guard

from dagster_project.assets import curation, models, public_data, synthetic
from dagster_project.resources.chat_model import ChatModel
from dagster_project.resources.launcher import TrainingLauncher
from dagster_project.resources.tables import Tables
from dagster_project.settings import DATA, commercial_endpoint, open_endpoint

defs = dg.Definitions(
    assets=dg.load_assets_from_modules([public_data, synthetic, curation, models]),
    jobs=[dg.define_asset_job("everything", dg.AssetSelection.all())],
    resources={
        "open_model": ChatModel.at(open_endpoint(os.environ)),
        "commercial_model": ChatModel.at(commercial_endpoint(os.environ)),
        "tables": Tables(folder=str(DATA / "tables")),
        "model_store": models.ModelStore(folder=str(DATA / "models")),
        "training_launcher": TrainingLauncher(folder=str(DATA / "jobs")),
    },
)

defs = lineage_guard.guard(defs, policy="default")
