"""Lineage backends as local servers: the ingest endpoints of Marquez, DataHub and OpenMetadata.

Each does with an event what the backend's source does with it, as far as that decides what it
answers and what its pages show; docs/backends.md names the files. All of them hold what they
accept against the OpenLineage JSON Schemas, and can be told to be down, slow or unwell.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, urlsplit

from lineage_guard.openlineage.validate import validate

Json = dict[str, Any]


@dataclass
class Answer:
    """What a server answers."""

    status: int
    body: Json | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Backend:
    """What all of them have in common.

    Attributes:
        token: the bearer token that requests must carry; empty for none.
        answers: told answers for the next requests, in place of the backend's own; ``None`` lets one through.
        accepted: events taken in, in order.
        problems: breaches of the OpenLineage schemas.
        hang: while set, requests get no answer.
    """

    token: str = ""
    url: str = ""
    answers: list[Answer | None] = field(default_factory=list)
    accepted: list[Json] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    requests: int = 0
    connections: set[tuple[str, int]] = field(default_factory=set)
    hang: threading.Event = field(default_factory=threading.Event)
    hung: threading.Event = field(default_factory=threading.Event)
    refuse: Callable[[Json], Answer | None] = lambda _: None

    path = "/"

    def post(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        self.requests += 1
        if path != self.path:
            return Answer(404)
        if self.token and headers.get("authorization") != f"Bearer {self.token}":
            return Answer(401)
        if headers.get("content-type", "").partition(";")[0] != "application/json":
            return Answer(415)
        told = self.answers.pop(0) if self.answers else None
        if told is not None:
            return told
        try:
            event: Json = json.loads(body)
        except ValueError:
            return Answer(400)
        self.problems += [f"{event.get('eventType')} {problem}" for problem in validate(event, strict=True)]
        answer = self.refuse(event) or self.take(event)
        if answer.status < 300:
            self.accepted.append(event)
        return answer

    def take(self, event: Json) -> Answer:
        raise TypeError(f"{type(self).__name__} takes no events")

    @contextmanager
    def running(self, port: int = 0) -> Iterator[str]:
        """Serve in a thread; the URL of the server."""
        backend = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                backend.connections.add(self.client_address)
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if backend.hang.is_set():
                    backend.hung.set()
                    while backend.hang.is_set():
                        backend.hung.wait(0.01)
                    self.close_connection = True
                    return
                answer = backend.post(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
                data = json.dumps(answer.body).encode() if answer.body is not None else b""
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False
            request_queue_size = 64

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # a client that was killed leaves broken pipes

        server = Server(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield self.url
        finally:
            self.hang.clear()
            server.shutdown()
            server.server_close()
            thread.join()


@dataclass
class Marquez(Backend):
    """Marquez 0.51.1: `POST /api/v1/lineage`, and what its pages show of a dataset."""

    # namespace:name -> current version; version -> facet key -> (event time, facet)
    current: dict[str, str] = field(default_factory=dict)
    facets: dict[str, dict[str, tuple[str, Json]]] = field(default_factory=dict)
    written: dict[str, set[str]] = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)

    path = "/api/v1/lineage"
    _namespace = re.compile(r"^[a-zA-Z:;=/0-9_\-.@+]{1,1024}$")

    def take(self, event: Json) -> Answer:
        # jsonb holds no NUL: PostgreSQL refuses the insert, which is an error of the server's.
        if "\\u0000" in json.dumps(event):
            return Answer(500)
        # An index row of PostgreSQL holds 2704 bytes at most; names are unique within a namespace.
        sets = [*event.get("inputs", []), *event.get("outputs", [])]
        if any(len(each["name"].encode()) > 2700 for each in [event["job"], *sets]):
            return Answer(500)
        # marquez.common.models: IllegalArgumentException, answered 400 by OpenLineageResource.
        if any(not self._namespace.match(each["namespace"]) or not each["name"].strip() for each in sets):
            return Answer(400)
        self._model(event)
        return Answer(201)

    def _model(self, event: Json) -> None:
        """OpenLineageDao.updateBaseMarquezModel, as far as facets and versions go."""
        run_id, state = event["run"]["runId"], event.get("eventType")
        self.runs[run_id] = str(state)
        for each in event.get("inputs", []):
            place = f"{each['namespace']}:{each['name']}"
            # upsertLineageDataset(isInput): the current version, or a first one that becomes it.
            version = self.current.setdefault(place, f"{place}@read by {run_id}")
            self._keep(version, event["eventTime"], each.get("facets", {}), each.get("inputFacets", {}))
        for each in event.get("outputs", []):
            place = f"{each['namespace']}:{each['name']}"
            version = f"{place}@{run_id}"
            self.written.setdefault(run_id, set()).add(place)
            # DatasetDao.findDatasetByName leaves facets of type OUTPUT out.
            self._keep(version, event["eventTime"], each.get("facets", {}))
        if state == "COMPLETE":
            # OpenLineageService.buildJobOutput: only COMPLETE makes what a run wrote the current version.
            for place in self.written.get(run_id, ()):
                self.current[place] = f"{place}@{run_id}"

    def _keep(self, version: str, at: str, *facets: Json) -> None:
        kept = self.facets.setdefault(version, {})
        for key, facet in [item for group in facets for item in group.items()]:
            # Facets are merged in the order of the events' times, the last one wins.
            if key not in kept or kept[key][0] <= at:
                kept[key] = (at, facet)

    def shown(self, namespace: str, name: str) -> Json:
        """`GET /api/v1/namespaces/{namespace}/datasets/{dataset}`: the facets of the current version."""
        version = self.current.get(f"{namespace}:{name}")
        return {} if version is None else {key: facet for key, (_, facet) in self.facets.get(version, {}).items()}

    def colour(self, namespace: str, name: str) -> str | None:
        """web/src/helpers/nodes.ts, datasetFacetsStatus: what makes a dataset red."""
        assertions = self.shown(namespace, name).get("dataQualityAssertions", {}).get("assertions")
        if not assertions:
            return None
        return "red" if any(a["success"] is False for a in assertions) else "primary"


@dataclass
class DataHub(Backend):
    """DataHub: `POST /openapi/openlineage/api/v1/lineage`, with the validation that its newest source has.

    Attributes:
        assertions: urn of a dataset -> assertion -> whether it held, as its Quality tab shows them.
        validating: whether it validates (its master branch in 2026), or only converts.
    """

    assertions: dict[str, dict[str, bool]] = field(default_factory=dict)
    validating: bool = True

    path = "/openapi/openlineage/api/v1/lineage"

    def take(self, event: Json) -> Answer:
        if self.validating:
            errors = list(self._misplaced(event))
            if errors:
                body = {"code": "INVALID_EVENT", "message": "Invalid OpenLineage event", "details": {"errors": errors}}
                return Answer(400, body)
        sets = [*event.get("inputs", []), *event.get("outputs", [])]
        urns = [self.urn(each["namespace"], each["name"]) for each in sets]
        if any(not self._legal(each["namespace"], each["name"], urn) for each, urn in zip(sets, urns, strict=True)):
            return Answer(500, {"code": "INGESTION_FAILED", "message": "Failed to ingest OpenLineage event"})
        for each in event.get("inputs", []):
            # OpenLineageRunMapper.processDataQualityAssertions reads inputFacets only.
            found = each.get("inputFacets", {}).get("dataQualityAssertions", {}).get("assertions", [])
            kept = self.assertions.setdefault(self.urn(each["namespace"], each["name"]), {})
            kept.update({a["assertion"]: a["success"] for a in found})
        return Answer(202 if self.validating else 200)

    def urn(self, namespace: str, name: str) -> str:
        return f"urn:li:dataset:(urn:li:dataPlatform:{namespace},{name},PROD)"

    def _legal(self, namespace: str, name: str, urn: str) -> bool:
        """UrnValidationUtil, strict: 512 bytes URL-encoded, no brackets or commas in a part, no U+241F."""
        return len(quote(urn)) <= 512 and not re.search("[(),\u241f]", namespace + name) and urn == urn.strip()

    def _misplaced(self, event: Json) -> Iterator[Json]:
        """JsonSchemaOpenLineageRequestValidator: a standard facet stands where the standard puts it."""
        for key in event["run"].get("facets", {}):
            yield from self._wrong(key, "RUN", f"$.run.facets.{key}")
        for key in event["job"].get("facets", {}):
            yield from self._wrong(key, "JOB", f"$.job.facets.{key}")
        for side, own, kind in (
            ("inputs", "inputFacets", "INPUT_DATASET"),
            ("outputs", "outputFacets", "OUTPUT_DATASET"),
        ):
            for index, each in enumerate(event.get(side, [])):
                for key in each.get("facets", {}):
                    yield from self._wrong(key, "DATASET", f"$.{side}[{index}].facets.{key}")
                for key in each.get(own, {}):
                    yield from self._wrong(key, kind, f"$.{side}[{index}].{own}.{key}")

    def _wrong(self, key: str, at: str, path: str) -> Iterator[Json]:
        # OpenLineageSchemaCatalog of DataHub, the keys that we use.
        places = {
            "parent": {"RUN"},
            "nominalTime": {"RUN"},
            "errorMessage": {"RUN"},
            "processing_engine": {"RUN"},
            "jobType": {"JOB"},
            "tags": {"RUN", "JOB", "DATASET"},
            "ownership": {"JOB", "DATASET"},
            "documentation": {"JOB", "DATASET"},
            "version": {"DATASET"},
            "datasetType": {"DATASET"},
            "columnLineage": {"DATASET"},
            "lifecycleStateChange": {"DATASET"},
            "schema": {"DATASET"},
            "symlinks": {"DATASET"},
            "dataQualityAssertions": {"INPUT_DATASET"},
            "subset": {"INPUT_DATASET", "OUTPUT_DATASET"},
            "outputStatistics": {"OUTPUT_DATASET"},
        }
        if key in places and at not in places[key]:
            yield {"path": path, "rule": "attachment", "facet": key, "attachment": at}


@dataclass
class OpenMetadata(Backend):
    """OpenMetadata 2.0: `POST /api/v1/openlineage/lineage`.

    Attributes:
        tables: fully qualified names of the tables in its catalogue.
        edges: lineage from table to table.
        enabled: whether the API is switched on in its settings.
    """

    tables: set[str] = field(default_factory=set)
    edges: set[tuple[str, str]] = field(default_factory=set)
    enabled: bool = True

    path = "/api/v1/openlineage/lineage"
    _keys = frozenset({"eventTime", "producer", "schemaURL", "eventType", "run", "job", "inputs", "outputs"})

    def take(self, event: Json) -> Answer:
        # openLineageRunEvent.json: nothing more at the top.
        if event.keys() - self._keys:
            return Answer(400)
        if not self.enabled:
            return Answer(503, {"status": "failure", "message": "OpenLineage API is disabled"})
        edges: set[tuple[str, str]] = set()
        if event.get("eventType") in {"COMPLETE", None}:
            # OpenLineageMapper: both sides, and names of the form schema.table that the catalogue knows.
            pairs = ((i, o) for i in event.get("inputs", []) for o in event.get("outputs", []))
            found = ((self._table(i["name"]), self._table(o["name"])) for i, o in pairs)
            edges = {(a, b) for a, b in found if a and b}
        self.edges |= edges
        said = f"Created {len(edges)} lineage edge(s)" if edges else "Event processed, no lineage edges created"
        return Answer(200, {"status": "success", "message": said, "lineageEdgesCreated": len(edges)})

    def _table(self, name: str) -> str | None:
        parts = name.split(".")
        if len(parts) < 2:
            return None
        return next((table for table in sorted(self.tables) if table.endswith("." + ".".join(parts[-2:]))), None)


def port_of(url: str) -> int:
    """The port of a URL."""
    port = urlsplit(url).port
    assert port is not None
    return port
