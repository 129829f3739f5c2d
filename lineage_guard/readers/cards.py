"""Hugging Face dataset and model cards: the YAML at the top of a README.md.

Format: https://github.com/huggingface/hub-docs/blob/main/datasetcard.md and modelcard.md, read in November 2026.
"""

from __future__ import annotations

import re
from pathlib import Path

from lineage_guard.domain.declared.declaration import HUB
from lineage_guard.domain.errors import ConfigError
from lineage_guard.domain.facts import License, LicenseScope, ModelSource, Usage
from lineage_guard.domain.names import SELF_HOSTED
from lineage_guard.domain.rules.spdx import canonical, expression_error
from lineage_guard.readers.documents import Node, parse
from lineage_guard.readers.facts import Facts, Found

DATASET, MODEL, EITHER = "Hugging Face dataset card", "Hugging Face model card", "Hugging Face card"
#: Keys that only one kind of card has.
_OF_DATASETS = {
    *("task_categories", "task_ids", "size_categories", "dataset_info", "configs", "source_datasets", "pretty_name"),
    *("annotations_creators", "language_creators", "multilinguality", "paperswithcode_id", "train-eval-index"),
}
_OF_MODELS = {"base_model", "base_model_relation", "library_name", "pipeline_tag", "model-index", "datasets", "widget"}
#: Tags that tools and authors put on data a model made.
_SYNTHETIC = {
    *("synthetic", "distilabel", "rlaif", "datadreamer", "curator", "bespokelabs-curator", "data-designer"),
    *("datadesigner", "nemo-data-designer", "argilla-synthetic", "synthetic-data", "self-instruct", "magpie"),
}
_MACHINE = "machine-generated"
_ID = re.compile(r"[A-Za-z0-9][\w.-]*(?:/[A-Za-z0-9_][\w.-]*)?\Z")
_REFERENCE = re.compile(r"[^A-Za-z0-9.-]+")
_URL = re.compile(r"https?://(?:www\.)?(?:huggingface\.co|hf\.co)/(?:datasets/)?([^/\s]+/[^/\s?#]+)/?\Z")
_UNSAID = (
    "a card names what its author thought of; models and sources it does not name may have taken part",
    "the text below its metadata is not read",
)


def front_matter(text: str, path: Path) -> Node | None:
    """The metadata of a card; ``None`` when the text does not begin with any.

    Args:
        text: of the README.md.
        path: of the file.

    Raises:
        ConfigError: when it begins and does not end, or is no mapping.
    """
    lines = text.splitlines()
    begin = next((i for i, line in enumerate(lines) if line.strip()), 0)
    if not lines or lines[begin].rstrip() != "---":
        return None
    end = next((i for i in range(begin + 1, len(lines)) if lines[i].rstrip() in ("---", "...")), None)
    if end is None:
        raise ConfigError("its metadata has no end", where=f"{path}:{begin + 1}", fix="close it with a line of ---")
    inside = lines[begin + 1 : end]
    for number, line in enumerate(inside, begin + 2):
        if "{{" in line and not line.lstrip().startswith("#"):
            raise ConfigError(
                "it is a template that was not filled in", where=f"{path}:{number}", fix="fill in the card's metadata"
            )
    root = parse("\n".join(inside), str(path), begin + 2)
    if root.value is not None and not isinstance(root.value, dict):
        raise ConfigError("its metadata is no mapping", where=root.where, fix="write lines like `license: mit`")
    return root


def read_card(root: Node, path: Path) -> Facts:
    """The facts of a card.

    Args:
        root: its metadata.
        path: of the file.

    Raises:
        ConfigError: where a value cannot be what the format says, as in a template that was not filled in.
    """
    keys = root.map.keys()
    of_model, of_dataset = bool(keys & _OF_MODELS), bool(keys & _OF_DATASETS)
    kind = EITHER if of_model == of_dataset else MODEL if of_model else DATASET
    facts = Facts(str(path), kind, unsaid=_UNSAID)
    _licenses(root, facts, LicenseScope.MODEL if kind == MODEL else LicenseScope.DATA)
    for node in _listed(root, "base_model"):
        id = _id(node, facts, "base model")
        if id:
            # Weights made from weights: whatever their licence asks of descendants it asks of these.
            facts.models.append(Found(ModelSource(HUB, id, channel=SELF_HOSTED, usage=Usage.GENERATION), node.where))
    for node in _listed(root, "datasets"):
        id = _id(node, facts, "dataset")
        if id:
            facts.parent(id, node.where)
    for node in _listed(root, "source_datasets"):
        _source(node, facts)
    for node in _listed(root, "tags"):
        if str(node.text).lower() in _SYNTHETIC:
            facts.gaps.append(
                Found(f"it is tagged {node.text!r}, and no card names the models that made it", node.where)
            )
    for key in ("annotations_creators", "language_creators"):
        for node in _listed(root, key):
            if node.text == _MACHINE:
                facts.gaps.append(Found(f"{key} says {_MACHINE}, and not by which model", node.where))
    return facts


def _listed(root: Node, key: str) -> list[Node]:
    """The texts under a key, which may be one or a list of them."""
    found = root.map.get(key)
    nodes = found.items if found is not None else []
    for node in nodes:
        if node.text is None and node.value is not None:
            raise ConfigError(
                f"{key} is no text: the card is a template that was not filled in, or malformed",
                where=node.where,
                fix=f"write the names under {key}, or take it out",
            )
    return nodes


def _id(node: Node, facts: Facts, what: str) -> str | None:
    text = (node.text or "").strip()
    if url := _URL.match(text):
        text = url[1]
    if _ID.match(text):
        return text
    facts.gaps.append(Found(f"{node.text!r} is no Hugging Face id, so the {what} is not known", node.where))
    return None


def _source(node: Node, facts: Facts) -> None:
    """One of ``source_datasets``: ``original``, ``extended``, ``extended|<id>`` or an id."""
    text = (node.text or "").strip()
    word, bar, rest = text.partition("|")
    if text == "original":
        return
    if word == "extended" and (not bar or rest.startswith("other")):
        facts.gaps.append(Found("it extends another dataset and does not say which", node.where))
    elif id := _id(Node(rest, node.where) if word == "extended" else node, facts, "source"):
        facts.parent(id, node.where)


def _licenses(root: Node, facts: Facts, scope: LicenseScope) -> None:
    named = root.said("license_name")
    link = root.said("license_link")
    for node in _listed(root, "license"):
        text = (node.text or "").strip()
        if text.lower() in ("", "unknown"):
            facts.gaps.append(Found("its licence is unknown", node.where))
            continue
        if text.lower() == "other" and named is None:
            facts.gaps.append(Found("its licence is 'other', without a license_name", node.where))
            continue
        spdx = canonical(text) if text.lower() != "other" and expression_error(text) is None else None
        name = _REFERENCE.sub("-", named if named and text.lower() == "other" else text).strip("-")
        url = link if link and link.startswith(("https://", "http://")) else None
        license = License(spdx or f"LicenseRef-{name}", applies_to=scope, url=url if spdx is None else None)
        facts.licenses.append(Found(license, node.where))
    if "license" not in root.map:
        facts.gaps.append(Found("it names no licence", root.where))
