"""Rules that would never hold: refused where that is certain, told where a name is known to nobody."""

import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lineage_guard.catalog import load_catalog, load_policy
from lineage_guard.catalog.doubts import meets, nearest
from lineage_guard.catalog.lint import lint_policy
from lineage_guard.catalog.policy_file import read_policy
from lineage_guard.domain.errors import PolicyError
from lineage_guard.domain.facts import Input, ModelSource, Production, Version
from lineage_guard.domain.lineage.closure import close
from lineage_guard.domain.verdict.decide import decide

CATALOG = load_catalog()
NOW = datetime(2026, 11, 1, tzinfo=UTC)
LOG = "lineage_guard.catalog.policy_file"


def policy(tmp_path: Path, when: str, on: str = "model", name: str = "team.yaml") -> Path:
    path = tmp_path / name
    path.write_text(
        "format: 1\nname: team\nimport: default\nuses: [train_voice]\nrules:\n"
        f"  - id: ours\n    on: {on}\n    when: {{{when}}}\n    effect: block\n    reason: r\n    fix: f\n",
        encoding="utf-8",
    )
    return path


@pytest.mark.parametrize(
    ("key", "word", "near"),
    [
        ("model", "gtp-4o", "gpt-4o"),
        ("model", "gtp-*", "gpt-*"),
        ("model", "“gpt-4o”", "gpt-4o"),
        ("model", "claud-3-opus", "claude-*"),
        ("model", "meta-lama/Llama-3.1-8B", "meta-llama/llama-3.1-8b"),
        ("model", "acme-lm-1", None),
        ("model", "gpt-j-6b", None),
        ("channel", "api.opeani.com", "api.openai.com"),
        ("channel", "chatgtp.com", "chatgpt.com"),
        ("channel", "llm.acme.example", None),
        ("provider", "goggle*", "google"),
        ("provider", "acme", None),
        ("terms", "opneai*", "openai-api"),
        ("license", "CC-BY-CN-*", "cc-by-nc-1.0"),
    ],
)
def test_a_name_that_nothing_known_answers_to(key, word, near):
    assert not meets(key, word, CATALOG)
    assert nearest(key, word, CATALOG) == near


@pytest.mark.parametrize(
    ("key", "word"),
    [
        *(
            ("model", w)
            for w in ("gpt-4o", "GPT-4o*", "*gpt*", "*", "openai/gpt-4o", "Llama-3.1-8B", "gpt-?o", "qwen2*")
        ),
        ("model", "HuggingFaceTB/SmolLM2-1.7B"),
        *(("provider", w) for w in ("OpenAI", "xAI*", "huggingface", "vllm", "google")),
        *(("channel", w) for w in ("api.openai.com", "https://api.openai.com/v1", "*.openai.azure.com", "openrouter")),
        *(("channel", w) for w in ("self-hosted", "vllm", "llm", "llm.acme.internal", "10.0.0.7")),
        *(("license", w) for w in ("CC-BY-NC-*", "MIT", "LicenseRef-acme-*", "GPL-2.0-only*")),
        ("terms", "openai-*"),
    ],
)
def test_what_is_known_or_may_be_is_no_doubt(key, word):
    assert meets(key, word, CATALOG)


def test_lint_says_where_a_name_is_misspelt_and_load_tells_it_once(tmp_path, caplog):
    path = policy(tmp_path, "model: [gpt-4o, gtp-4o, acme-lm]")
    near, own = lint_policy(path, CATALOG)
    assert near.where == f"{path}:8:28"
    assert (near.what, near.wrong) == ("no known model is called 'gtp-4o', so rule 'ours' may never hold", False)
    assert near.fix.startswith("did you mean 'gpt-4o'? ")
    assert "'acme-lm'" in own.what
    assert own.fix.startswith("check the spelling; ")
    with caplog.at_level(logging.WARNING, LOG):
        load_policy(path, CATALOG)
        load_policy(path, CATALOG)
        load_policy(policy(tmp_path, "model: '*'", name="quiet.yaml"), CATALOG)
    said = [r.getMessage() for r in caplog.records]
    assert said == [f"{near.where}: {near.what}. To fix: {near.fix}"], "a private model is for lint to ask about"


@pytest.mark.parametrize(
    ("when", "what", "fix", "near"),
    [
        ("asset: 'group:lab'", "rule 'ours' may never hold", "write 'asset_group: lab' in its place", True),
        ("asset: [student, '!Owner:team:x']", "rule 'ours' excludes nothing", "'asset_owner: team:x' in its", True),
        ("dataset: 'key:raw'", "the name 'raw' in a namespace 'key', and no selection", "write 'raw'", True),
        ("dataset: 'tag:pii=yes'", "rule 'ours' may never hold", "name the data; 'asset_tag' speaks of", False),
    ],
)
def test_a_selection_of_dagster_is_read_as_a_name_and_told(tmp_path, when, what, fix, near):
    path = policy(tmp_path, when)
    (found,) = lint_policy(path, CATALOG)
    assert what in found.what
    assert fix in found.fix
    assert found.where.startswith(f"{path}:8:")
    assert [d.near is not None for d in read_policy(path, CATALOG)[1]] == [near]
    assert lint_policy(policy(tmp_path, "asset: ['default:student', groups], dataset: raw"), CATALOG) == []


def test_a_rule_on_one_snapshot_passes_whoever_states_no_date(tmp_path):
    path = policy(tmp_path, "model: openai/GPT-4o-2024-08-06")
    (found,) = lint_policy(path, CATALOG)
    assert found.what == (
        "'openai/GPT-4o-2024-08-06' is one snapshot, so rule 'ours' does not hold where 'openai/gpt-4o' is stated, "
        "which may have been it"
    )
    assert found.fix == "write 'openai/gpt-4o', which speaks of every snapshot; leave it where this one is meant"
    assert not found.wrong
    assert [d.near for d in read_policy(path, CATALOG)[1]] == [None], "for lint to ask about, and not for each process"
    whole = ("gpt-4o", "'!gpt-4o-2024-08-06'", "[gpt-4o-2024-08-06, gpt-4o]", "[gpt-4o-2024-08-06, gpt-*]", "gpt-4o-2*")
    assert [lint_policy(policy(tmp_path, f"model: {models}"), CATALOG) for models in whole] == [[]] * len(whole)
    path.write_text(path.read_text("utf-8").replace("import: default\n", "").replace("effect: block", "effect: allow"))
    assert lint_policy(path, CATALOG) == [], "what permits one snapshot permits no other"


@pytest.mark.parametrize(
    ("rule", "stated", "stops"),
    [
        ("gpt-4o-2024-08-06", "gpt-4o-2024-08-06", True),
        ("gpt-4o-2024-08-06", "gpt-4o", False),
        ("gpt-4o-2024-08-06", "gpt-4o-2024-05-13", False),
        ("gpt-4o", "gpt-4o-2024-08-06", True),
        ("gpt-4o", "gpt-4o-mini", False),
        ("gpt-4o*", "gpt-4o-mini", True),
    ],
)
def test_what_the_page_says_of_snapshots(tmp_path, rule, stated, stops):
    held = load_policy(policy(tmp_path, f"model: {rule}, use: evaluate"), CATALOG)
    data, student = Version("default", "made", None, "r"), Version("default", "student")
    made = Production((data,), models=(ModelSource("openai", stated, channel="api.openai.com"),), produced_at=NOW)
    said = decide(close(Production((student,), inputs=(Input(data),)), [made]), held, (), "evaluate", NOW)
    assert ("ours" in {f.rule for f in said.findings}, said.stops) == (stops, stops)


def test_what_is_imported_is_looked_at_and_named(tmp_path):
    company = policy(tmp_path, "channel: '!chatgtp.com'", name="company.yaml")
    team = tmp_path / "team.yaml"
    team.write_text("format: 1\nname: team\nimport: [company.yaml, strict]\n", encoding="utf-8")
    (found,) = lint_policy(team, CATALOG)
    assert found.where == f"{company}:8:12"
    assert found.what == "no known channel is called 'chatgtp.com', so rule 'ours' excludes nothing"


def test_own_catalog_files_make_names_known(tmp_path):
    path = policy(tmp_path, "model: acme-lm-2, channel: llm.acme.example")
    assert len(lint_policy(path, CATALOG)) == 2
    own = tmp_path / "own.yaml"
    own.write_text(
        "format: 1\nterms:\n- {id: acme, provider: Acme, kind: hosted_service, providers: [acme],\n"
        "   models: [acme-lm-*],\n"
        "   channels: [llm.acme.example], license: LicenseRef-acme, effects: {train_competing: allow,\n"
        "   train_internal_generative: allow, train_internal_classifier: allow, evaluate: allow,\n"
        "   rag_or_inference_context: allow}, summary: Ours., url: null, source: us, date_read: 2026-01-05,\n"
        "   confidence: verified}\n",
        encoding="utf-8",
    )
    assert lint_policy(path, load_catalog(own)) == []


def test_a_rule_on_what_nobody_knows_may_name_it(tmp_path):
    assert lint_policy(policy(tmp_path, "model: acme-lm-1", on="unresolved"), CATALOG) == []
    assert len(lint_policy(policy(tmp_path, "model: gtp-4o", on="unresolved"), CATALOG)) == 1


def test_an_old_name_of_one_licence_is_not_that_of_a_family(tmp_path):
    (found,) = lint_policy(policy(tmp_path, "license: GPL", on="license"), CATALOG)
    assert found.what == "'GPL' is an old name of 'GPL-1.0-or-later', and of no other licence"
    assert "'GPL*'" in found.fix


@pytest.mark.parametrize(
    ("when", "what", "fix"),
    [
        ("model: 'gpt-4o '", "the space around it", "write 'gpt-4o'"),
        ("model: '! gpt-4o'", "the space around it", "write '!gpt-4o'"),
        ("model: '!'", "the space around it", "write a name"),
        ("model: [gpt-4o, '!gpt-*']", "rule 'ours' never holds", "take the `!` out"),
        ("model: '!*'", "rule 'ours' never holds", "take the `!` out"),
        ("use: [train_*, '!train_*']", "rule 'ours' never holds", "take the `!` out"),
        ("use: 'trian_voice*'", "no use is called 'trian_voice*'", "did you mean 'train_voice'?"),
        ("restriction: 'COMPETNG*'", "no restriction is called 'COMPETNG*'", "did you mean 'COMPETING_MODELS'?"),
        ("confidence: '!memroy*'", "no confidence is called 'memroy*'", "did you mean 'memory'?"),
    ],
)
def test_a_rule_that_can_never_hold_is_refused(tmp_path, when, what, fix):
    path = policy(tmp_path, when)
    with pytest.raises(PolicyError) as raised:
        load_policy(path, CATALOG)
    assert what in raised.value.what
    assert fix in raised.value.fix
    assert (raised.value.where or "").startswith(f"{path}:8:")


@pytest.mark.parametrize("when", ["channel: '!*'", "restriction: '!*'", "use: [train_*, '!train_voice']"])
def test_what_only_seems_to_exclude_everything_loads(tmp_path, when):
    assert load_policy(policy(tmp_path, when), CATALOG).name == "team"


@pytest.mark.parametrize(
    ("text", "place", "what", "fix"),
    [
        ("", "1:1", "the file is empty", "begin it with `format: 1`"),
        ("# a remark\n", "1:1", "the file is empty", "lineage-guard schema policy"),
        ("- a\n", "1:1", "does not begin with a key", "begin it with `format: 1`"),
        ("format: 1\nname: x\n\trules: []\n", "3:1", "tab character", "indent with spaces"),
        ("format: 1\nname: we say: no\n", "2:13", "mapping values", "put a text with a colon in quotes"),
        ("format: 1\nname: *\n", "2:8", "not valid YAML", "a bare * means something else"),
        ("format: 1\nname: !x\n", "2:7", "not valid YAML", "a bare ! means something else"),
        ("format: 1\nname: x\n---\nformat: 1\n", "3:1", "another document", "take the line `---` out"),
        ("format: 1\nname: 'x\n", "3:1", "unexpected end", "close the quotes"),
        ('format: 1\nname: "x\0"\n', "2:9", "not valid YAML", "mend the YAML"),
        ("format: 1\nname: x\n1: x\n", "3:1", "'1' is no name of a key", "numbers without commas"),
        ("format: 1\nname: x\n~: x\n", "3:1", "'~' is no name of a key", "write a name before the colon"),
        ("format: 1\nname: x\nimport: default\norganisation: {monthly_users: 700,000}", "4:35", "'000' is", "commas"),
        ("format: 1\nname: x\nimport: default\norganisation: {monthly_users: 0700000000}", "4:16", "number", "whole"),
        ("format: 1\nname: x\nimport: default\norganisation: {monthly_users: 900:00}", "4:16", "number", "whole"),
        ("format: 1\nname: x\nimport: default\nunknown_blocks: yes\n", "4:1", "true or false", "without quotes"),
        ("format: 1\nname: x\nrules: {id: a}\n", "3:1", "must be a list, and is {'id': 'a'}", "at least one rule"),
        ("format: 1\nname: x\nrules:\n", "3:1", "rules must be a list, and is nothing", "at least one rule"),
        ("format: 1\nname: ' '\nimport: default\n", "2:1", "name cannot be ' '", "a short name"),
        ("format: 1\nname: x\nimport: Default\n", "3:1", "cannot be read", "did you mean 'default'?"),
        ('format: 1\nname: x\nimport: "a\\0b"\n', "3:1", "cannot be read", "give a path"),
    ],
)  # fmt: skip
def test_errors_name_the_place_and_the_fix_in_plain_words(tmp_path, text, place, what, fix):
    path = tmp_path / "p.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PolicyError) as raised:
        load_policy(path, CATALOG)
    assert raised.value.where == f"{path}:{place}", str(raised.value)
    assert what in raised.value.what
    assert fix in raised.value.fix


def test_a_file_in_another_encoding_says_where(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_bytes("format: 1\nname: ä café\n".encode("latin-1"))
    with pytest.raises(PolicyError, match="save the file as UTF-8") as raised:
        load_policy(path, CATALOG)
    assert raised.value.where == f"{path}:2:7"


def test_links_in_a_circle_are_an_error_with_a_place(tmp_path):
    (tmp_path / "a.yaml").symlink_to(tmp_path / "b.yaml")
    (tmp_path / "b.yaml").symlink_to(tmp_path / "a.yaml")
    path = tmp_path / "p.yaml"
    path.write_text("format: 1\nname: x\nimport: a.yaml\n", encoding="utf-8")
    with pytest.raises(PolicyError, match="cannot be read") as raised:
        load_policy(path, CATALOG)
    assert raised.value.where == f"{path}:3:1"
