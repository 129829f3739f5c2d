"""Assets that training reads, however far up, and that no code location defines."""

from __future__ import annotations

from lineage_guard.cli.doctor.patient import Patient
from lineage_guard.cli.doctor.result import Result, listed


def examine(patient: Patient) -> list[Result]:
    """Look for names that nothing stands behind."""
    from lineage_guard.dagster import compat
    from lineage_guard.dagster.keys import use_of

    named: set[str] = set()
    defined: set[str] = set()
    for repository in (r for location in patient.seen for r in location.repositories):
        graph = repository.asset_graph
        stubs = {node.key for node in graph.asset_nodes if compat.is_stub(node.metadata)}
        training = [node.key for node in graph.asset_nodes if use_of(node.tags)]
        read = {key for each in training for key in graph.get_ancestor_asset_keys(each)}
        named |= {key.to_user_string() for key in stubs & read}
        defined |= {node.key.to_user_string() for node in graph.asset_nodes if node.key not in stubs}
    missing = sorted(named - defined)
    if not missing:
        return []
    fix = (
        "describe them with AssetSpec(..., metadata=source(...)) or public_assets(...). If that is done in a module: "
        "load_assets_from_modules() leaves specs out unless it is given include_specs=True"
    )
    found = f"training reads what no code here defines, so nothing says where it comes from: {listed(missing)}"
    return [Result("upstream", "warn", found, fix)]
