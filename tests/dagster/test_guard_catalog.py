"""An organisation's own catalog file, through the gate."""

from pathlib import Path

import dagster as dg
import pytest
from guarding import UNHEARD_OF, Lane, failure_of, made_by

from lineage_guard import guard, training
from lineage_guard.domain.errors import ConfigError

OWN = """
format: 1
terms:
  - id: acme-in-house
    provider: Acme
    kind: open_weights
    providers: [acme]
    models: [acme-nobody-knows-*]
    channels: [api.acme.example]
    license: LicenseRef-acme-internal
    effects:
      train_competing: {effect}
      train_internal_generative: allow
      train_internal_classifier: allow
      evaluate: allow
      rag_or_inference_context: allow
    summary: Our own model.
    url: https://acme.example/models
    source: legal/acme-models.md
    date_read: 2026-11-01
    confidence: verified
"""


@pytest.mark.parametrize(("effect", "trained"), [("allow", ["student"]), ("block", [])])
def test_a_private_model_is_judged_by_the_entry_its_owners_wrote(
    lane: Lane, tmp_path: Path, effect: str, trained: list[str]
) -> None:
    own = tmp_path / "acme.yaml"
    own.write_text(OWN.replace("{effect}", effect))
    lane.arguments["catalog"] = [own]
    synthetic = made_by(UNHEARD_OF)

    @dg.asset(deps=[synthetic.key], tags=training(use="train_competing"))
    def student() -> None:
        lane.mark("student")

    result = lane.run([synthetic, student])
    assert lane.trained == trained
    if not trained:
        assert "terms acme-in-house" in (failure_of(result, "student").description or "")


def test_a_catalog_file_that_is_not_there_is_an_error_at_load(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no catalog file"):
        guard(dg.Definitions(), catalog=[tmp_path / "none.yaml"], sensor=False)
