"""Policy files: what they mean, and that no typo opens a gate."""

import pickle
from pathlib import Path

import pytest

from lineage_guard.catalog import PRESETS, load_catalog, load_policy
from lineage_guard.domain.errors import CatalogError, PolicyError
from lineage_guard.domain.facts import ModelSource
from lineage_guard.domain.rules.policy import Subject
from lineage_guard.domain.rules.terms import Effect

CATALOG = load_catalog()
GOOD = """\
format: 1
name: house
uses: [train_voice]
rules:
  - id: model-terms
    on: model
    effect: as_terms
    reason: The owner's terms bind.
    fix: Use another model.
  - id: no-xai
    on: model
    when: {provider: [xAI*], use: train_*}
    effect: block
    reason: The house does not use it.
    fix: Use another model.
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_good_file_loads(tmp_path):
    policy = load_policy(write(tmp_path, GOOD), CATALOG)
    assert [r.id for r in policy.rules] == ["model-terms", "no-xai"]
    assert policy.rules[0].effect is None
    assert policy.rules[0].on is Subject.MODEL
    assert policy.rules[1].effect is Effect.BLOCK
    assert policy.rules[1].match.use == ("train_*",)
    assert policy.unknown_blocks
    assert not policy.counts_indirect
    assert policy.terms is CATALOG.terms


def test_same_path_as_text_loads_the_same(tmp_path):
    path = write(tmp_path, GOOD)
    assert load_policy(str(path), CATALOG) == load_policy(path, CATALOG)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_explain_themselves(name):
    policy = load_policy(name, CATALOG)
    assert policy.name == name
    assert policy.description
    assert policy.version
    assert all(len(r.fix) > 40 and len(r.reason) > 20 for r in policy.rules)
    assert load_policy(name, CATALOG) is policy, "cached"


@pytest.mark.parametrize(
    ("old", "new", "place", "what", "fix"),
    [
        ("    effect: block", "    effect: blok", 13, "'blok'", "did you mean 'block'?"),
        ("    effect: block", "    effect: deny", 13, "'deny'", "use one of as_terms, allow"),
        ("    effect: block", "    efect: block", 13, "unknown key 'efect'", "did you mean 'effect'?"),
        ("    when: {prov", "    wen: {prov", 12, "unknown key 'wen'", "did you mean 'when'?"),
        ("{provider: [xAI*]", "{providr: [xAI*]", 12, "unknown key 'providr'", "did you mean 'provider'?"),
        ("    fix: Use another model.\n  - id: no", "  - id: no", 5, "lacks 'fix'", "add 'fix'"),
        ("reason: The house does not use it.", "reason: ''", 14, "reason", "write a sentence"),
        ("id: no-xai", "id: model-terms", 10, "two rules have the id 'model-terms'", "rename"),
        ("name: house", "name: house\nname: home", 3, "key 'name' stands twice", "keep one of them"),
        ("use: train_*}", "use: train_competin}", 12, "no use is called 'train_competin'", "'train_competing'?"),
        ("use: train_*}", "use: ['!evaluat']}", 12, "no use is called 'evaluat'", "did you mean 'evaluate'?"),
        ("[xAI*]", "[opnai]", 12, "no provider is called 'opnai'", "did you mean 'openai'? Where it is meant, write"),
        ("use: train_*}", "terms: opnai-api}", 12, "no terms is called 'opnai-api'", "did you mean 'openai-api'?"),
        ("use: train_*}", "restriction: COMPETING}", 12, "no restriction is called", "'COMPETING_MODELS'?"),
        ("on: model\n    effect: as", "on: modle\n    effect: as", 6, "'modle'", "did you mean 'model'?"),
        ("on: model\n    effect: as", "on: gap\n    effect: as", 7, "'as_terms' needs terms", "use allow, warn"),
        ("    on: model\n    when", "    on: gap\n    when", 12, "would never match", "drop 'provider'"),
        ("use: train_*}", "group: lab}", 12, "unknown key 'group'", "did you mean 'asset_group'?"),
        ("use: train_*}", "tags: team=nlp}", 12, "unknown key 'tags'", "did you mean 'asset_tag'?"),
        ("use: train_*}", "asset_tag: {team: nlp}}", 12, "must be a text or a list", "a tag as `team=speech`"),
        ("use: train_*}", "asset_tag: [a=b, '!team: nlp']}", 12, "no tag of an asset is written", "'!team=nlp'"),
        ("use: train_*}", "asset_tag: 'tag:team=nlp'}", 12, "'asset_tag' says already", "write 'team=nlp'"),
        ("use: train_*}", "asset_group: '!group:'}", 12, "'asset_group' says already", "write a name"),
        ("use: train_*}", "asset_owner: speech}", 12, "an owner is a team or an e-mail", "'team:speech'"),
        ("use: train_*}", "asset_owner: '!speech'}", 12, "an owner is a team or an e-mail", "'!team:speech'"),
        ("use: train_*}", "asset_group: '!*'}", 12, "it also excludes", "take the `!` out"),
        ("use: train_*}", "asset_tag: '!*'}", 12, "it also excludes", "take the `!` out"),
        ("format: 1", "format: 2", 1, "format", "write `format: 1`"),
        ("rules:", "rules: []\nruls:", 5, "unknown key 'ruls'", "did you mean 'rules'?"),
        ("uses: [train_voice]", "uses: [train_voice", 4, "not valid YAML", "mend the YAML"),
        ("uses: [train_voice]", "unknown_blocks: no", 3, "unknown_blocks", "true: what is unknown stops training"),
    ],
)  # fmt: skip
def test_a_wrong_file_says_where_and_how_to_mend_it(tmp_path, old, new, place, what, fix):
    assert GOOD.count(old) == 1
    path = write(tmp_path, GOOD.replace(old, new))
    with pytest.raises(PolicyError) as raised:
        load_policy(path, CATALOG)
    error = raised.value
    assert what in error.what
    assert fix in error.fix
    line, column = error.where.removeprefix(f"{path}:").split(":")
    assert int(line) == place, str(error)
    assert int(column) >= 1
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize(
    "text", ["", "[]", "just text", "- 1", "null", "\x00", "a: &a [*a]", "{format: 1, name: x, rules: 3}"]
)
def test_what_is_no_policy_is_refused(tmp_path, text):
    with pytest.raises(PolicyError) as raised:
        load_policy(write(tmp_path, text), CATALOG)
    assert raised.value.fix


def test_what_an_asset_may_lack_can_be_asked_for(tmp_path):
    when = "{asset_owner: ['*@example.com', 'TEAM:shop', 's?'], asset_kind: '!*', asset_tag: team}"
    text = GOOD.replace("{provider: [xAI*], use: train_*}", when)
    match = load_policy(write(tmp_path, text), CATALOG).rules[1].match
    assert match.asks_of_asset == ("asset_tag", "asset_kind", "asset_owner")


def test_missing_files_and_misspelt_presets(tmp_path):
    with pytest.raises(PolicyError, match="did you mean 'default'"):
        load_policy("defalt", CATALOG)
    with pytest.raises(PolicyError, match="check the path"):
        load_policy(tmp_path / "none.yaml", CATALOG)
    with pytest.raises(PolicyError, match="check the path"):
        load_policy("none.yaml", CATALOG)


def test_digest_follows_meaning_and_not_layout(tmp_path):
    digest = load_policy(write(tmp_path, GOOD), CATALOG).digest
    assert load_policy(write(tmp_path, "# a remark\n" + GOOD), CATALOG).digest == digest
    assert load_policy(write(tmp_path, GOOD.replace("effect: block", "effect: warn")), CATALOG).digest != digest
    assert load_policy(write(tmp_path, GOOD + "unknown_blocks: false\n"), CATALOG).digest != digest


OWN = """\
format: 1
terms:
  - id: acme-openai-agreement
    provider: OpenAI
    kind: hosted_service
    providers: [openai]
    models: [gpt-4o*]
    channels: [api.openai.com]
    only_when_named: true
    license: LicenseRef-acme-openai-2026
    effects:
      {train_competing: allow, train_internal_generative: allow, train_internal_classifier: allow,
       evaluate: allow, rag_or_inference_context: allow}
    summary: Our agreement lets us train on output.
    url: null
    source: the signed agreement
    date_read: 2026-03-01
    confidence: verified
"""


def test_an_agreement_of_ones_own_holds_where_it_is_named(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text(OWN, encoding="utf-8")
    catalog = load_catalog(path)
    named = ModelSource("openai", "gpt-4o", channel="api.openai.com", terms="acme-openai-agreement")
    assert [t.id for t in catalog.terms.resolve(named, None).layers] == ["acme-openai-agreement"]
    unnamed = ModelSource("openai", "gpt-4o", channel="api.openai.com")
    assert catalog.terms.resolve(unnamed, None) == CATALOG.terms.resolve(unnamed, None)
    elsewhere = ModelSource("openai", "gpt-4o", channel="openrouter.ai", terms="acme-openai-agreement")
    assert {"openrouter", "openai-api"} <= {t.id for t in catalog.terms.resolve(elsewhere, None).layers}
    assert catalog.digest != CATALOG.digest
    path.write_text(OWN.replace("gpt-4o*", "gpt-4.1*"), encoding="utf-8")
    assert load_catalog(path).digest != catalog.digest, "a changed file is read again"


ARTEFACT = (
    "artefacts: [{id: x, type: dataset, artefact: a/x, declared_license: MIT, declared_class: permissive, sources: [s],"
    " confidence: memory, upstream: [{from: smoltlk, relation: contains, confidence: memory}]}]"
)


@pytest.mark.parametrize(
    ("old", "new", "line", "what"),
    [
        ("id: acme-openai-agreement", "id: openai-api", 3, "is taken in lineage_guard/catalog/data/terms/"),
        ("confidence: verified", "confidence: sure", 18, "'sure'"),
        ("date_read: 2026-03-01", "date_read: 2026-13-41", 17, "month must be in 1..12"),
        ("    license:", "    licence:", 10, "unknown key 'licence'"),
        ("evaluate: allow, ", "", 11, "lacks 'evaluate'"),
        ("evaluate: allow, ", "evalute: allow, ", 11, "lacks 'evaluate'"),
        ("terms:", ARTEFACT + "\nterms:", 2, "no artefact has the id 'smoltlk'"),
    ],
)  # fmt: skip
def test_a_wrong_catalog_file_says_where(tmp_path, old, new, line, what):
    path = tmp_path / "own.yaml"
    path.write_text(OWN.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(CatalogError) as raised:
        load_catalog(path)
    assert what in raised.value.what
    assert raised.value.where.startswith(f"{path}:{line}:")


def test_an_id_of_another_own_file_says_which_and_how_a_change_of_it_is_tried(tmp_path):
    paths = [tmp_path / "own.yaml", tmp_path / "changed.yaml"]
    for path in paths:
        path.write_text(OWN, encoding="utf-8")
    with pytest.raises(CatalogError) as raised:
        load_catalog(*paths)
    assert raised.value.what.endswith(f"is taken in {paths[0]}")
    assert raised.value.where.startswith(f"{paths[1]}:")
    assert "impact --terms-file" in raised.value.fix


def test_a_missing_catalog_file(tmp_path):
    with pytest.raises(CatalogError, match="check the path"):
        load_catalog(tmp_path / "none.yaml")
