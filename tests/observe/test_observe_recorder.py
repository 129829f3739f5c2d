"""The recorder: exact under threads, bounded in memory; the egress watch; hooks on modules not yet imported."""

import contextlib
import importlib
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request

import pytest

from lineage_guard.catalog import load_catalog
from lineage_guard.catalog.load import check_shipped
from lineage_guard.domain.declared.observation import ANY, Via
from lineage_guard.observe import Recorder, install, recording
from lineage_guard.observe.exchange import PARSED, call_of, fields_of, peek
from lineage_guard.observe.imports import when_imported
from lineage_guard.observe.recorder import MOST_HOSTS, MOST_IDS, MOST_MODELS, Answer, note, recorders


def test_counts_are_exact_under_threads():
    with recording(Recorder()) as recorder:

        def work():
            for n in range(500):
                note(Answer("gpt-4o", host="api.openai.com", id=f"r{n}"), Via.HTTP)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    [seen] = recorder.observation().models
    assert seen.calls == 4000
    assert len(seen.response_ids) == MOST_IDS


def test_memory_is_bounded_and_what_is_beyond_is_still_counted():
    recorder = Recorder(lambda host: "known" if host == "h1.example" else None)
    for n in range(MOST_MODELS + 50):
        recorder.answered(Answer(f"m{n}", host="one.example"), Via.HTTP)
    seen = recorder.observation().models
    assert len(seen) == MOST_MODELS + 1
    assert [(m.model, m.host, m.calls) for m in seen if m.model == ANY] == [(ANY, "one.example", 50)]
    for n in range(MOST_HOSTS + 50):
        recorder.contacted(f"h{n}.example")
    assert len(recorder._hosts) <= MOST_HOSTS
    assert [c.host for c in recorder.observation().contacts] == ["h1.example"]


def test_a_span_that_says_less_is_counted_with_the_call_it_tells_of():
    recorder = Recorder()
    for via, model, host in (
        (Via.HTTP, "Qwen/Qwen2.5-7B-Instruct", "10.0.0.1"),
        (Via.SPAN, "Qwen2.5-7B-Instruct", "10.0.0.1"),
        (Via.SPAN, "Qwen2.5-7B-Instruct", None),
        (Via.SPAN, "gpt-4o", "10.0.0.1"),
        (Via.SPAN, "Qwen2.5-7B-Instruct", "openrouter.ai"),
    ):
        recorder.answered(Answer(model, host=host), via)
    kept = [(m.model, m.host, m.calls) for m in recorder.observation().models]
    assert kept == [
        ("Qwen/Qwen2.5-7B-Instruct", "10.0.0.1", 2),
        ("gpt-4o", "10.0.0.1", 1),
        ("Qwen2.5-7B-Instruct", "openrouter.ai", 1),
    ]


def test_ids_that_are_no_ids_are_cut():
    recorder = Recorder()
    recorder.answered(Answer("m" * 10_000, id="i" * 10_000), Via.RESPONSE)
    assert len(repr(recorder.observation())) < 1000


def test_recorders_nest_and_close():
    outer, inner = Recorder(), Recorder()
    with recording(outer), recording(inner):
        note(Answer("m"), Via.RESPONSE)
    assert not outer.observation()
    assert inner.observation()
    assert recorders() == ()


def lookup(host):
    with contextlib.suppress(OSError):  # there need be no network
        socket.getaddrinfo(host, 443)


def test_the_watch_says_nothing_when_python_ends():
    """Python then puts None for the names of modules, and goes on calling audit hooks."""
    program = """
import sys
from lineage_guard.observe import egress
egress.watch_egress()
vars(egress).update(dict.fromkeys((n for n in vars(egress) if not n.startswith("__")), None))
sys.audit("socket.connect", None, ("example.com", 443))
sys.audit("anything")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=240, check=True)
    assert done.stderr == ""


def test_egress_is_seen_by_name_and_only_model_services_are_kept():
    install()
    with recording(Recorder(load_catalog().hosts.provider_of)) as recorder:
        lookup("api.anthropic.com")
        lookup("API.Anthropic.com.")
        lookup("foo.openai.azure.com")
        lookup("files.example.org")
        lookup("127.0.0.1")
    lookup("api.openai.com")
    contacts = {c.host: (c.provider, c.times) for c in recorder.observation().contacts}
    assert contacts == {"api.anthropic.com": ("anthropic", 2), "foo.openai.azure.com": ("azure", 1)}


def test_a_url_is_seen_even_behind_a_proxy():
    install()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({"https": "http://127.0.0.1:9"}))
    with recording(Recorder(load_catalog().hosts.provider_of)) as recorder, pytest.raises(urllib.error.URLError):
        opener.open("https://api.openai.com/v1/models", timeout=1)
    assert [c.host for c in recorder.observation().contacts] == ["api.openai.com"]


def test_processes_that_are_started_are_counted():
    install()
    with recording(Recorder()) as recorder:
        subprocess.run([sys.executable, "-c", ""], check=True)
    assert recorder.observation().subprocesses >= 1


def test_every_service_of_the_catalog_has_hosts_and_a_source():
    check_shipped()
    hosts = load_catalog().hosts
    assert hosts.provider_of("us-central1-aiplatform.googleapis.com") is not None
    assert hosts.provider_of("storage.googleapis.com") is None
    assert hosts.provider_of("bedrock-runtime.eu-west-1.amazonaws.com") is not None
    assert hosts.provider_of("s3.eu-west-1.amazonaws.com") is None
    assert hosts.provider_of("huggingface.co") is None  # a place to download from
    assert all(p.text == p.text.lower() and "/" not in p.text for s in hosts.services for p in s.hosts)


def test_own_catalog_files_may_name_hosts(tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text("format: 1\nhosts:\n  - provider: Our Gateway\n    hosts: [llm.corp.example]\n")
    assert load_catalog(own).hosts.provider_of("LLM.corp.example") == "our gateway"


def test_a_module_is_hooked_when_it_is_imported_and_keeps_its_loader(tmp_path, monkeypatch):
    (tmp_path / "a_client_of_tomorrow.py").write_text("value = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    seen = []
    when_imported("a_client_of_tomorrow", lambda module: seen.append(module.value))
    when_imported("a_client_of_tomorrow", lambda module: 1 / 0)
    assert seen == []
    module = importlib.import_module("a_client_of_tomorrow")
    assert seen == [1]
    assert module.__spec__.loader is module.__loader__
    assert type(module.__loader__).__module__.startswith("_frozen_importlib")
    when_imported("a_client_of_tomorrow", lambda module: seen.append("again"))
    assert seen == [1, "again"]


def test_installing_imports_no_client():
    program = """
import sys
from lineage_guard.observe import install
install()
heavy = {"httpx", "httpx2", "requests", "botocore", "aiohttp", "openai", "opentelemetry", "transformers", "numpy"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=240, check=True)
    assert done.stdout.strip() == "[]"


GEMINI = "https://generativelanguage.googleapis.com/v1beta"
VERTEX = "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/l"


@pytest.mark.parametrize(
    ("url", "body", "requested"),
    [
        ("https://api.openai.com/v1/responses", b'{"model": "gpt-4o"}', "gpt-4o"),
        ("https://x.openai.azure.com/openai/deployments/mine/chat/completions?api-version=1", b"{}", "mine"),
        (f"{GEMINI}/models/gemini-2.0-flash:generateContent", b"{}", "gemini-2.0-flash"),
        (
            f"{VERTEX}/publishers/anthropic/models/claude-3:rawPredict",
            b"",
            "claude-3",
        ),
        (
            "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-3-haiku-20240307-v1%3A0/invoke",
            b'{"messages": []}',
            "anthropic.claude-3-haiku-20240307-v1:0",
        ),
        ("http://localhost:11434/api/chat", b'{"model": "llama3.1:8b"}', "llama3.1:8b"),
        ("https://api.cohere.com/v2/chat", b'{"model": "command-r"}', "command-r"),
    ],
)
def test_what_was_asked_for(url, body, requested):
    assert call_of("POST", url, body).requested == requested
    assert call_of("GET", url, body) is None


def test_ids_in_bodies():
    assert fields_of(b'{"id": "a", "model": "m", "choices": [{"model": "not this"}]}').model == "m"
    assert fields_of(b'{"choices": [{"model": "not this"}], "model": "m"}').model == "m"
    assert fields_of(b"not json") == fields_of(b"[]") == fields_of(b'"text"')
    large = b'{"id": "a", "model": "m", "data": "' + b"x" * PARSED + b'"}'
    assert (fields_of(large).model, fields_of(large).id) == ("m", "a")
    assert peek(b'data: {"message": {"id": "x", "model": "m\\u0031"}}').model == "m1"
    assert peek(b'data: {"text": "say \\"model\\": \\"no\\""}').model is None
