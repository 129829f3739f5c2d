"""Policies of one's own at a real gate: an imported one, a licence of data, facts about the organisation."""

from pathlib import Path

import dagster as dg
from guarding import Lane, failure_of, made_by

from lineage_guard import ModelSource, source, training

COMPANY = """\
format: 1
name: company
import: default
organisation: {monthly_users: 900000000}
rules:
  - id: nc
    on: license
    when: {license: CC-BY-NC-*, asset: "*student"}
    effect: block
    reason: It is sold.
    fix: Use other data.
"""
TEAM = "format: 1\nname: team\nimport: company.yaml\n"
LLAMA = ModelSource("meta", "meta-llama/Llama-3.1-8B-Instruct", channel="self-hosted")


def test_licences_and_facts_of_an_imported_policy_stop_a_step(lane: Lane, tmp_path: Path) -> None:
    (tmp_path / "company.yaml").write_text(COMPANY)
    (tmp_path / "team.yaml").write_text(TEAM)
    lane.arguments["policy"] = tmp_path / "team.yaml"

    @dg.asset(metadata=source(human=True, license="CC-BY-NC-4.0"))
    def letters() -> None: ...

    written = made_by(LLAMA)

    def reads(name: str, *parents: dg.AssetsDefinition) -> dg.AssetsDefinition:
        @dg.asset(name=name, deps=[p.key for p in parents], tags=training(use="train_internal_generative"))
        def student() -> None:
            lane.mark(name)

        return student

    assets = [letters, written, reads("letters_student", letters), reads("pupil", letters), reads("llama", written)]
    result = lane.run(assets)
    assert lane.trained == ["pupil"], "the rule speaks of students only"
    licence = failure_of(result, "letters_student").description or ""
    assert "by policy team" in licence
    assert "is under CC-BY-NC-4.0, declared, which rule nc stops for train_internal_generative." in licence
    assert "Rule: nc (RESTRICTED_LICENSE)" in licence
    users = failure_of(result, "llama").description or ""
    assert "do not permit train_internal_generative; this organisation has 900,000,000 monthly users" in users
    (tmp_path / "company.yaml").write_text(COMPANY.replace("effect: block", "effect: allow"))
    again = dg.materialize([letters, assets[3]], instance=lane.instance, raise_on_error=False)
    said = failure_of(again, "pupil").description or ""
    assert "could not load the policy" in said, "what is imported is read when it matters, too"
    assert "company.yaml:9:5: it would loosen what it imports: rule 'nc' allows" in said
