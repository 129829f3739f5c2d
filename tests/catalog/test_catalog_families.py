"""Families that a bar on other model families leaves open are ids of terms."""

from datetime import date

from lineage_guard.catalog import load_catalog
from lineage_guard.catalog.lint import lint
from lineage_guard.domain.rules.terms import Restriction

ENTRY = """
format: 1
terms:
  - id: acme-lm
    provider: Acme
    kind: open_weights
    providers: [acme]
    models: [acme-lm-*]
    channels: [self-hosted]
    license: LicenseRef-acme
    effects: {train_competing: block, train_internal_generative: block, train_internal_classifier: allow,
      evaluate: allow, rag_or_inference_context: allow}
    restrictions: [RESTRICTION]
    permitted_families: [FAMILY]
    summary: For the family only.
    url: https://acme.example/license
    source: the same page
    date_read: 2026-11-02
    confidence: verified
"""


def test_every_shipped_family_is_the_id_of_terms_and_of_a_bar_on_others():
    terms = load_catalog().terms
    opened = [t for t in terms.entries if t.permitted_families]
    assert {t.id for t in opened} >= {"llama-2", "llama-3", "tongyi-qianwen", "dbrx", "grok-2"}
    assert all(Restriction.OTHER_MODEL_FAMILIES in t.restrictions for t in opened)
    assert all(terms.get(family) for t in opened for family in t.permitted_families)


def test_lint_finds_families_that_nobody_is_of(tmp_path):
    def wrong(restriction, family):
        path = tmp_path / "own.yaml"
        path.write_text(ENTRY.replace("RESTRICTION", restriction).replace("FAMILY", family))
        return [p.what for p in lint([path], date(2026, 12, 1)) if p.wrong]

    assert wrong("OTHER_MODEL_FAMILIES", "acme-lm") == []
    assert wrong("OTHER_MODEL_FAMILIES", "llama-3") == []
    assert wrong("OTHER_MODEL_FAMILIES", '"llama-3*"') == ["acme-lm: llama-3* is the id of no terms"]
    assert wrong("ANY_MODEL", "acme-lm") == ["acme-lm: it leaves families open, and bars no others"]
