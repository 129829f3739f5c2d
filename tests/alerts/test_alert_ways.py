"""The first way on: what was made here is made again, what was not is replaced."""

from __future__ import annotations

from dataclasses import replace

from alerting import GPT, verdict

from lineage_guard.alerts.ways import ways_to_unblock
from lineage_guard.domain.facts import Version
from lineage_guard.domain.verdict.runs import declared_run_id


def test_what_no_run_made_is_not_told_to_be_made_again():
    said = verdict(0, GPT)
    [own] = said.findings
    public = replace(own, subject=Version("huggingface", "THUDM/LongAlign-10k"))
    here, elsewhere = ways_to_unblock(own, said)[0], ways_to_unblock(public, said)[0]
    assert here.title.startswith("Make synth again without openai/gpt-4o")
    assert here.commands[0].startswith("dagster asset materialize")
    assert elsewhere.title == (
        "Read something without openai/gpt-4o via api.openai.com in the place of THUDM/LongAlign-10k, "
        "which no run on record makes."
    )
    assert not any("materialize" in command for command in elsewhere.commands)
    assert elsewhere.commands[0] == "lineage-guard explain student"


def test_what_only_a_declaration_speaks_of_is_declared_and_not_made_again():
    said = verdict(0, gap=True)
    outside = Version("default", "outside", None, declared_run_id("outside", "null"))
    own = next(f for f in said.findings if f.model is None)
    here, elsewhere = (ways_to_unblock(f, said)[0] for f in (own, replace(own, subject=outside)))
    assert here.commands[0].startswith("dagster asset materialize")
    assert elsewhere.title.startswith("Declare where outside comes from, which no run on record makes, or guard ")
    assert elsewhere.commands == ("lineage-guard explain student",)


def test_what_has_to_be_made_again_for_it_is_named_instead():
    said = verdict(0, GPT)
    public = replace(said.findings[0], subject=Version("huggingface", "THUDM/LongAlign-10k"))
    [first, *_] = ways_to_unblock(public, said, [Version("default", "mixed", None, "run-1")])
    assert first.title.startswith("Make mixed again without")
    assert """'key:"mixed"+'""" in first.commands[0]


def test_a_partition_is_made_again_by_itself():
    said = verdict(0, GPT)
    mixed = [Version("default", "mixed", day, f"run-{day}") for day in ("2026-01-01", "2026-01-02")]
    [first, *_] = ways_to_unblock(said.findings[0], said, [*mixed, Version("default", "whole", None, "run-1")])
    assert [c.partition("--select ")[2] for c in first.commands[:3]] == [
        """'key:"whole"+'""",
        """'key:"mixed"' --partition 2026-01-01""",
        """'key:"mixed"' --partition 2026-01-02""",
    ]


def test_the_commands_name_the_partition_that_is_stopped():
    said = verdict(0, GPT, partition="2026-11-20")
    [finding] = said.findings
    asked = [c for way in ways_to_unblock(finding, said) for c in way.commands if " student" in c]
    assert len(asked) == 3
    assert all(c.endswith(" --partition 2026-11-20") for c in asked), asked
