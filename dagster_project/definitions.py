"""A deployment like any other: assets, resources, a job. The line that guards it is the last one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, cast

import dagster as dg

import lineage_guard
from dagster_project import checks
from dagster_project.assets import curation, models, public_data, synthetic
from dagster_project.resources.chat_model import ChatModel
from dagster_project.resources.launcher import TrainingLauncher
from dagster_project.resources.tables import Tables
from dagster_project.settings import DATA, commercial_endpoint, open_endpoint

# Every asset and the checks on rows; the guard's own checks are brought up to date by its sensor.
selection = dg.AssetSelection.all().without_checks() | dg.AssetSelection.checks(*checks.row_checks)
untyped = cast("Any", dg)  # some of Dagster's own functions are only partly typed
defs = dg.Definitions(
    # include_specs: without it Dagster leaves out assets that are only described, as public data is here.
    assets=untyped.load_assets_from_modules([public_data, synthetic, curation, models], include_specs=True),
    asset_checks=checks.row_checks,
    jobs=[untyped.define_asset_job("everything", selection)],
    resources={
        "open_model": ChatModel.at(open_endpoint(os.environ)),
        "commercial_model": ChatModel.at(commercial_endpoint(os.environ)),
        "tables": Tables(folder=str(DATA / "tables")),
        "model_store": models.ModelStore(folder=str(DATA / "models")),
        "training_launcher": TrainingLauncher(folder=str(DATA / "jobs")),
    },
)

defs = lineage_guard.guard(defs, policy="default", catalog=[Path(__file__).with_name("catalog.yaml")])
