"""The component in a project laid out as ``create-dagster project`` does, loaded in this process."""

from __future__ import annotations

import inspect
import itertools
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from lineage_guard import declaration_of, guard, use_of
from lineage_guard.dagster.component import LineageGuardComponent, WaiverDeclaration
from lineage_guard.dagster.locations import settings_of
from lineage_guard.domain.errors import ConfigError, LineageGuardError

_NUMBER = itertools.count()
ASSETS = """
import dagster as dg


@dg.asset
def questions(): ...


@dg.asset
def survey(): ...


@dg.asset(deps=[questions, survey], group_name="models")
def student(): ...


@dg.asset(deps=[survey])
def other(): ...
"""
COMPONENT = """
type: lineage_guard.LineageGuardComponent
attributes:
  ledger: LEDGER
  assets:
    - target: key:questions
      models: [{provider: openai, model: gpt-4o, channel: api.openai.com}]
    - target: key:survey
      source: {human: true}
      licenses: [CC-BY-4.0]
    - target: group:models
      training: train_competing
"""
Project = Callable[..., Path]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """Writes a project of its own name, as a process imports a package only once."""
    name = f"yaml_project_{next(_NUMBER)}"
    root = tmp_path / name
    package = root / "src" / name

    def write(component: str = COMPONENT, **files: str) -> Path:
        texts = {
            root
            / "pyproject.toml": f"[tool.dg]\ndirectory_type = 'project'\n[tool.dg.project]\nroot_module = '{name}'",
            package / "__init__.py": "",
            package / "defs/__init__.py": "",
            package / "defs/made.py": ASSETS,
            package / "defs/guard/defs.yaml": component.replace("LEDGER", str(tmp_path / "ledger")),
            **{package / "defs" / path: text for path, text in files.items()},
        }
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text), "utf-8")
        return package

    monkeypatch.syspath_prepend(str(root / "src"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    yield write
    for module in [m for m in sys.modules if m.split(".")[0] == name]:
        del sys.modules[module]


def loaded(package: Path) -> dg.Definitions:
    return dg.load_from_defs_folder(path_within_project=package)


def guarded(package: Path) -> dg.Definitions:
    return guard(loaded(package))


def executed(defs: dg.Definitions, home: Path) -> dg.ExecuteInProcessResult:
    with dg.DagsterInstance.local_temp(str(home)) as instance:
        job = defs.resolve_implicit_global_asset_job_def()
        return job.execute_in_process(instance=instance, raise_on_error=False)


def test_one_line_at_the_root_guards_what_the_yaml_says(project: Project, tmp_path: Path) -> None:
    defs = guarded(project())
    dg.Definitions.validate_loadable(defs)
    assets = {a.key.to_user_string(): a for a in defs.assets or () if isinstance(a, dg.AssetsDefinition)}
    assert settings_of(assets["student"]) is not None
    assert settings_of(assets["other"]) is None
    assert use_of(assets["student"].tags_by_key[dg.AssetKey("student")]) == "train_competing"
    [check] = [key for c in defs.asset_checks or () for key in c.check_keys]
    assert check == dg.AssetCheckKey(dg.AssetKey("student"), "lineage_guard")
    assert [s.name for s in defs.sensors or ()] == ["lineage_guard"]

    result = executed(defs, tmp_path)
    assert {e.step_key for e in result.get_step_failure_events()} == {"student"}
    [failure] = result.get_step_failure_events()
    said = str(failure.step_failure_data.user_failure_data.description)
    assert "openai/gpt-4o via api.openai.com" in said


def test_the_clean_lane_trains(project: Project, tmp_path: Path) -> None:
    package = project(COMPONENT.replace("provider: openai, model: gpt-4o, channel: api.openai.com", CLEAN))
    result = executed(guarded(package), tmp_path)
    assert result.success
    assert dg.AssetKey("student") in {e.asset_key for e in result.get_asset_materialization_events()}


CLEAN = "provider: mistralai, model: mistralai/Mixtral-8x7B-v0.1, channel: self-hosted"


def test_without_the_line_at_the_root_nothing_runs_and_the_error_says_which_line(project: Project) -> None:
    defs = loaded(project())
    with pytest.raises(ConfigError, match=r"defs/guard/defs\.yaml.*nothing guards it.*guard\(load_from_defs_folder"):
        dg.Definitions.validate_loadable(defs)
    with pytest.raises(ConfigError, match="nothing guards it"):
        defs.resolve_implicit_global_asset_job_def()
    with pytest.raises(ConfigError, match="nothing guards it"):
        defs.get_repository_def().get_job("__ASSET_JOB")


def test_a_folder_that_post_processes_sees_no_seal_and_tags_it_adds_are_guarded(project: Project) -> None:
    package = project(
        COMPONENT.replace("    - target: group:models\n      training: train_competing\n", ""),
        **{
            "defs.yaml": """
                type: dagster.DefsFolderComponent
                post_processing:
                  assets:
                    - target: "key:student"
                      attributes:
                        tags: {lineage_guard/use: train_competing}
                """
        },
    )
    defs = guarded(package)
    dg.Definitions.validate_loadable(defs)
    [student] = [a for a in defs.assets or () if isinstance(a, dg.AssetsDefinition) and a.key.path == ["student"]]
    assert settings_of(student) is not None


def test_lazily_loaded_definitions_are_guarded_by_a_decorator(project: Project) -> None:
    package = project()

    @guard
    @dg.definitions
    def defs() -> dg.Definitions:
        return loaded(package)

    dg.Definitions.validate_loadable(defs())


def test_guarding_twice_changes_nothing(project: Project) -> None:
    package = project(COMPONENT.replace("  ledger: LEDGER\n", ""))
    once = guarded(package)
    again = guard(once)
    assert [c.check_keys for c in again.asset_checks or ()] == [c.check_keys for c in once.asset_checks or ()]
    assert len(list(again.sensors or ())) == 1


def test_arguments_and_component_together_are_refused(project: Project) -> None:
    with pytest.raises(ConfigError, match="says how to guard, too"):
        guard(loaded(project()), policy="strict")


def test_two_components_are_refused(project: Project) -> None:
    package = project(**{"second/defs.yaml": "type: lineage_guard.LineageGuardComponent\nattributes: {policy: strict}"})
    with pytest.raises(ConfigError, match="two components say how to guard"):
        guarded(package)


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("- {target: 'key:studnt', training: train_competing}", r"assets\[0\]\.target: 'key:studnt' selects no asset"),
        ("- {target: 'key:(', training: train_competing}", r"assets\[0\]\.target: 'key:\(' is no selection"),
        ("- {target: 'key:student'}", r"assets\[0\]: nothing is said of 'key:student'"),
        ("- {target: 'key:student', training: 'not a use'}", "cannot be the name of a use"),
        ("- {target: 'key:survey', source: {}}", "does not say where the data comes from"),
        ("- {target: 'key:survey', source: {human: true}, writes: append}", "a source stands alone"),
        ("- {target: 'key:survey', licenses: [nonsense licence]}", "licence"),
        (
            "- {target: 'key:survey', source: {human: true}}\n    - {target: '*', source: {human: true}}",
            r"assets\[1\]: survey has a declaration already",
        ),
        (
            "- {target: 'key:student', training: evaluate}\n    - {target: 'key:student', training: train_competing}",
            r"assets\[1\]: student already trains for 'evaluate'",
        ),
    ],
)
def test_what_would_protect_nothing_is_refused_with_its_place(project: Project, said: str, error: str) -> None:
    package = project(f"type: lineage_guard.LineageGuardComponent\nattributes:\n  assets:\n    {said}\n")
    with pytest.raises(LineageGuardError, match=error):
        guarded(package)


@pytest.mark.parametrize(
    ("attribute", "error"),
    [
        ("policy: defualt", "there is no policy"),
        ("catalog: [missing.yaml]", "there is no catalog file"),
        ("waivers: missing.yaml", "there is no file of waivers"),
        (
            "waivers: [{id: w, rule: r, asset: a, reason: x, requested_by: a, approved_by: b, ticket: t, "
            "expires: '2026-12-31T00:00:00'}]",
            "waiver 'w': '2026-12-31T00:00:00' has no time zone",
        ),
    ],
)
def test_a_wrong_attribute_is_refused(project: Project, attribute: str, error: str) -> None:
    package = project(f"type: lineage_guard.LineageGuardComponent\nattributes:\n  {attribute}\n")
    with pytest.raises(LineageGuardError, match=error):
        guarded(package)


def test_files_are_looked_for_beside_the_yaml(project: Project) -> None:
    policy = (Path(__file__).parents[2] / "lineage_guard/catalog/policies/strict.yaml").read_text("utf-8")
    package = project(
        COMPONENT.replace("attributes:", "attributes:\n  policy: ours.yaml"), **{"guard/ours.yaml": policy}
    )
    [student] = [
        a for a in guarded(package).assets or () if isinstance(a, dg.AssetsDefinition) and a.key.path == ["student"]
    ]
    settings = settings_of(student)
    assert settings is not None
    assert settings.policy == (package / "defs/guard/ours.yaml").resolve()


def test_every_field_of_a_model_reaches_the_declaration(project: Project) -> None:
    package = project(
        """
        type: lineage_guard.LineageGuardComponent
        attributes:
          assets:
            - target: key:questions
              models:
                - provider: openai
                  model: gpt-4o
                  channel: api.openai.com
                  usage: ANNOTATION
                  fields: [label]
                  base_models: [gpt-4]
                  generated_at: "2026-01-02T03:04:05Z"
              writes: append
              note: labels only
        """
    )
    graph = guarded(package).resolve_asset_graph()
    metadata = graph.get(dg.AssetKey("questions")).metadata
    declared = declaration_of(metadata)
    assert declared is not None
    [model] = declared.models
    assert (model.usage, model.fields, model.base_models) == ("ANNOTATION", ("label",), ("gpt-4",))
    assert model.generated_at is not None
    assert model.generated_at.isoformat() == "2026-01-02T03:04:05+00:00"
    assert declared.note == "labels only"
    assert metadata["lineage_guard/writes"] == "append"


def test_whatever_guard_can_be_told_can_be_said_in_yaml(project: Project) -> None:
    arguments = set(inspect.signature(guard).parameters) - {"defs"}
    assert set(LineageGuardComponent.model().model_fields) == arguments | {"assets"}
    package = project(COMPONENT.replace("attributes:", "attributes:\n  mode: {'key:student': observe, '*': warn}"))
    [student] = [
        a for a in guarded(package).assets or () if isinstance(a, dg.AssetsDefinition) and a.key.path == ["student"]
    ]
    settings = settings_of(student)
    assert settings is not None
    assert [mode for _, mode in settings.mode.entries] == ["observe"]
    assert settings.mode.rest == "warn"


def test_every_field_is_described() -> None:
    schema = LineageGuardComponent.model().model_json_schema()
    for name, field in schema["properties"].items():
        assert field.get("description"), name
    waiver = WaiverDeclaration.model_json_schema()["properties"]
    assert set(waiver) >= {"id", "rule", "asset", "expires", "approved_by"}


SCHEDULE = """
import dagster as dg
from YAML.defs.made import student


@dg.asset
def only_scheduled(): ...


nightly = dg.ScheduleDefinition(name="nightly", target=[student, only_scheduled], cron_schedule="@daily")
"""


def test_a_module_that_imports_an_asset_for_a_schedule_gives_no_second_asset(project: Project) -> None:
    # A folder of definitions holds `student` for each module in which it has a name; here the YAML marks it.
    package = project()
    (package / "defs/schedules.py").write_text(SCHEDULE.replace("YAML", package.name), "utf-8")
    dg.Definitions.validate_loadable(guarded(package))


def test_what_is_said_of_an_asset_that_only_a_schedule_names_is_not_lost(project: Project) -> None:
    package = project(COMPONENT.replace("group:models", "key:only_scheduled"))
    text = SCHEDULE.replace("YAML", package.name).replace("@dg.asset\ndef", "def made():\n  @dg.asset\n  def")
    text = text.replace("only_scheduled(): ...", "only_scheduled(): ...\n  return only_scheduled")
    text = text.replace("target=[student, only_scheduled]", "target=[student, made()]")
    (package / "defs/schedules.py").write_text(text, "utf-8")
    defs = guarded(package)
    dg.Definitions.validate_loadable(defs)
    [trains] = [a for a in defs.assets or () if dg.AssetKey("only_scheduled") in getattr(a, "keys", ())]
    assert isinstance(trains, dg.AssetsDefinition)
    assert use_of(trains.tags_by_key[dg.AssetKey("only_scheduled")]) == "train_competing"
    assert settings_of(trains) is not None
