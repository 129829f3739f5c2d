"""Weights: their digest, whose they are, and loads that are noticed."""

import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file

from lineage_guard.domain.errors import ConfigError
from lineage_guard.domain.facts import Usage
from lineage_guard.observe import Recorder, recording, weights
from lineage_guard.observe.loads import loaded
from lineage_guard.observe.weights import hub_folder, hub_name


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_one_file_has_its_own_digest(tmp_path):
    file = tmp_path / "model.safetensors"
    save_file({"w": np.arange(4.0)}, str(file))
    assert weights(tmp_path) == weights(file) == f"sha256:{sha256(file)}"
    before = weights(tmp_path)
    save_file({"w": np.arange(4.0) + 1e-9}, str(file))
    assert weights(tmp_path) != before


def test_several_files_have_the_digest_that_sha256sum_gives(tmp_path):
    names = [f"model-{n:05}-of-00002.safetensors" for n in (1, 2)]
    for n, name in enumerate(names):
        save_file({f"w{n}": np.ones(3) * n}, str(tmp_path / name))
    index = {"metadata": {}, "weight_map": {f"w{n}": name for n, name in enumerate(names)}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    save_file({"extra": np.ones(1)}, str(tmp_path / "adapter.safetensors"))  # not in the index, so not of the model
    command = f"cd '{tmp_path}' && sha256sum {' '.join(names)} | sha256sum"
    told = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout.split()[0]
    assert weights(tmp_path) == f"sha256:{told}"
    (tmp_path / names[1]).unlink()
    with pytest.raises(ConfigError, match="missing"):
        weights(tmp_path)


def test_a_folder_without_weights_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="no weights"):
        weights(tmp_path)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A hub cache as huggingface_hub lays it out."""
    root = tmp_path / "hub" / "models--Qwen--Qwen2.5-7B"
    snapshot, blobs = root / "snapshots" / "d149729", root / "blobs"
    for folder in (snapshot, blobs, root / "refs"):
        folder.mkdir(parents=True)
    content = tmp_path / "content"
    save_file({"w": np.ones(2)}, str(content))
    blob = blobs / sha256(content)
    content.rename(blob)
    (snapshot / "model.safetensors").symlink_to(f"../../blobs/{blob.name}")
    (root / "refs" / "main").write_text("d149729")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return snapshot, blob


def test_a_hub_cache_is_not_read_again(cache):
    snapshot, blob = cache
    assert weights(snapshot) == f"sha256:{blob.name}" == f"sha256:{sha256(blob)}"
    blob.write_bytes(b"")  # the digest is in the name of what the cache links to
    assert weights(snapshot) == f"sha256:{blob.name}"


def test_a_load_is_known_by_its_id_revision_and_digest_wherever_it_lies(cache):
    snapshot, blob = cache
    for name in ("Qwen/Qwen2.5-7B", str(snapshot)):
        with recording(Recorder()) as recorder:
            loaded(name, None, "Qwen2ForCausalLM")
        [seen] = recorder.observation().models
        assert (seen.model, seen.version, seen.digest) == ("Qwen/Qwen2.5-7B", "d149729", f"sha256:{blob.name}")
        assert (seen.channel, seen.provider, seen.usage) == ("self-hosted", "self-hosted", None)


def test_a_load_from_a_folder_keeps_no_path_of_the_machine(tmp_path):
    folder = tmp_path / "my-student"
    folder.mkdir()
    save_file({"w": np.ones(2)}, str(folder / "model.safetensors"))
    with recording(Recorder()) as recorder:
        loaded(folder, None, "BertForSequenceClassification")
        loaded(folder, None, "BertForSequenceClassification")
        loaded(None, None, "Nothing")
        loaded("never/downloaded", None, "LlamaForCausalLM")
    seen = {m.model: m for m in recorder.observation().models}
    assert set(seen) == {"my-student", "never/downloaded"}
    assert str(tmp_path) not in repr(seen)
    assert seen["my-student"].usage is Usage.SCORING
    assert seen["never/downloaded"].digest is None


def test_names_in_a_hub_cache():
    assert hub_name("/x/models--org--name--more/snapshots/abc/") == ("org/name/more", "abc")
    assert hub_name("/x/models/name") is None
    assert hub_folder("org/none", None, {"HF_HOME": "/nowhere"}) is None


def test_transformers_is_hooked_where_it_is_installed(tmp_path):
    transformers = pytest.importorskip("transformers", reason="heavy; run by hand with transformers and torch")
    pytest.importorskip("torch")
    config = transformers.LlamaConfig(
        hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2, vocab_size=64
    )
    folder = tmp_path / "tiny"
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    from lineage_guard.observe import install

    install()
    with recording(Recorder()) as recorder:
        transformers.AutoModelForCausalLM.from_pretrained(folder)
    [seen] = recorder.observation().models
    assert (seen.model, seen.digest) == ("tiny", weights(folder))


LOADERS = {
    "transformers/__init__.py": "",
    "transformers/modeling_utils.py": """
class PreTrainedModel:
    config = None
    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path, *args, **kwargs):
        return cls()
class LlamaForCausalLM(PreTrainedModel): ...
""",
    "vllm/__init__.py": "",
    "vllm/entrypoints/__init__.py": "",
    "vllm/entrypoints/llm.py": """
class LLM:
    def __init__(self, model, *, tokenizer=None, revision=None): ...
""",
}
PROGRAM = """
from lineage_guard.observe import Recorder, install, recording
install()
with recording(Recorder()) as recorder:
    from transformers.modeling_utils import LlamaForCausalLM
    from vllm.entrypoints.llm import LLM
    assert isinstance(LlamaForCausalLM.from_pretrained("Qwen/Qwen2.5-7B", revision="main"), LlamaForCausalLM)
    LLM(model="Qwen/Qwen2.5-7B", revision="v1")
print(*sorted((m.model, m.version) for m in recorder.observation().models), sep="\\n")
"""


def test_loaders_are_hooked_by_the_names_they_have(tmp_path, cache):
    """The two libraries weigh gigabytes; modules with their names and signatures stand in for them here."""
    for name, text in LOADERS.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{PROGRAM}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=240, check=True)
    assert done.stdout.splitlines() == ["('Qwen/Qwen2.5-7B', 'd149729')", "('Qwen/Qwen2.5-7B', 'v1')"]
