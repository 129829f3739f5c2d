"""docs/backends.md and deploy/docker-compose.yml: that they agree, and that the configuration they show delivers.

No container runs here, so the compose file is held to what can be seen without one.
"""

import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from backends import Backend, DataHub, Marquez, OpenMetadata
from openlineage_examples import blocked_run

from lineage_guard.ledger import open_ledger
from lineage_guard.openlineage.deliver import drain
from lineage_guard.openlineage.encode import event_of

pytestmark = pytest.mark.usefixtures("no_configuration")

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/backends.md").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "deploy/docker-compose.yml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PORTS = {"marquez": Marquez(), "datahub": DataHub(token="t"), "openmetadata": OpenMetadata(token="t")}


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_is_pinned_and_closed_to_the_network(name: str) -> None:
    service = SERVICES[name]
    [profile] = service["profiles"]
    assert name.startswith(profile)
    tag = service["image"].rpartition(":")[2]
    assert re.fullmatch(r"v?\d+(\.\d+)+", tag), service["image"]
    for port in service.get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\$\{\w+:-(\d+)\}:\1", port), port
    for other, how in service.get("depends_on", {}).items():
        assert SERVICES[other]["profiles"] == [profile]
        assert how["condition"] != "service_healthy" or "healthcheck" in SERVICES[other]
    for volume in service.get("volumes", []):
        assert volume.partition(":")[0] in COMPOSE["volumes"]


@pytest.mark.parametrize("name", SERVICES)
def test_services_name_only_hosts_that_are_there(name: str) -> None:
    said = " ".join(str(v) for v in SERVICES[name].get("environment", {}).values())
    hosts = set(re.findall(r"\b(?:marquez|datahub|openmetadata)-[a-z]+\b", said)) - {
        "datahub-gms/resources",
        "datahub-frontend",
    }
    assert hosts <= set(SERVICES)


def test_no_two_listen_on_one_port_nor_on_dagsters() -> None:
    published = [port.rpartition(":")[2] for service in SERVICES.values() for port in service.get("ports", [])]
    assert len({*published, "3000"}) == len(published) + 1
    for variable in re.findall(r"\$\{(\w+_PORT):-", str(SERVICES)):
        assert f"`{variable}`" in PAGE


def test_what_setup_service_and_page_of_datahub_must_agree_on_is_said_once() -> None:
    spoken = [SERVICES[name]["environment"] for name in ("datahub-setup", "datahub-gms", "datahub-web")]
    for key in ("METADATA_SERVICE_AUTH_ENABLED", "DATAHUB_SYSTEM_CLIENT_SECRET", "DATAHUB_GMS_HOST"):
        assert len({each[key] for each in spoken}) == 1, key


def test_what_only_sets_up_is_waited_for_by_another() -> None:
    """Or ``up --wait`` takes its end for a failure (docker/compose#9572)."""
    waited = {
        other
        for service in SERVICES.values()
        for other, how in service.get("depends_on", {}).items()
        if how["condition"] == "service_completed_successfully"
    }
    assert waited == {name for name in SERVICES if name.endswith("-setup")}


def test_the_page_names_the_versions_that_are_pinned() -> None:
    table = PAGE.partition("## Start one")[2].partition("For a laptop")[0]
    for profile in ("marquez", "datahub", "openmetadata"):
        [row] = [line for line in table.splitlines() if line.startswith(f"| `{profile}`")]
        for tag in {s["image"].rpartition(":")[2] for s in SERVICES.values() if s["profiles"] == [profile]}:
            assert tag in row, (tag, row)
        published = [
            p.rpartition(":")[2] for s in SERVICES.values() if s["profiles"] == [profile] for p in s.get("ports", [])
        ]
        assert any(f"localhost:{port}" in row for port in published)


@pytest.mark.parametrize(
    ("title", "profile"), [("Marquez", "marquez"), ("DataHub", "datahub"), ("OpenMetadata", "openmetadata")]
)
def test_the_variables_of_the_page_deliver(
    title: str, profile: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    backend: Backend = PORTS[profile]
    [row] = [line for line in PAGE.splitlines() if line.startswith(f"| {title} | `OPENLINEAGE_URL")]
    variables = dict(re.findall(r"`(OPENLINEAGE_\w+)=([^`]+)`", row))
    published = {
        p.rpartition(":")[2] for s in SERVICES.values() if s["profiles"] == [profile] for p in s.get("ports", [])
    }
    [port] = re.findall(r"localhost:(\d+)", variables["OPENLINEAGE_URL"])
    assert port in published
    ledger = open_ledger(str(tmp_path / "ledger"))
    ledger.append([event_of(blocked_run())])
    with backend.running() as url:
        variables["OPENLINEAGE_URL"] = variables["OPENLINEAGE_URL"].replace(f"http://localhost:{port}", url)
        if backend.token:
            assert "`OPENLINEAGE_API_KEY`" in row
            variables["OPENLINEAGE_API_KEY"] = backend.token
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        report = drain(ledger, attempts=1)
    assert (report.delivered, report.error, report.refused, backend.problems) == (1, None, (), [])


def test_the_snippet_of_the_page_delivers_to_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    [code] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    marquez, datahub = Marquez(), DataHub()
    place = tmp_path / "ledger"
    open_ledger(str(place)).append([event_of(blocked_run())])
    with ExitStack() as stack:
        code = code.replace("http://localhost:5000", stack.enter_context(marquez.running()))
        code = code.replace("http://localhost:8080", stack.enter_context(datahub.running()))
        exec(compile(code.replace("/tmp/lineage-guard-backends-example", str(place)), "backends.md", "exec"), {})
    assert "delivered=1" in capsys.readouterr().out
    assert marquez.colour("default", "student") == "red"
    assert len(marquez.accepted) == len(datahub.accepted) == 2


def test_the_file_of_the_page_is_a_transport(tmp_path: Path) -> None:
    from openlineage.client import OpenLineageClient

    [text] = re.findall(r"```yaml\n(transport:.*?)```", PAGE, re.DOTALL)
    transport: Any = OpenLineageClient(config=yaml.safe_load(text)).transport
    assert (transport.kind, transport.timeout, transport.endpoint) == ("http", 5, "api/v1/lineage")
