"""The matrix as docs/enforcement.md shows it."""

from __future__ import annotations

from scenario import LOCATIONS, ROUTES, applies
from seen import SHAPES, Seen

BEGIN = "<!-- matrix: begin -->"
END = "<!-- matrix: end -->"


def rendered(sqlite: Seen, postgresql: Seen) -> str:
    """Both tables in Markdown."""
    storages = {"SQLite": sqlite, "PostgreSQL": postgresql}
    columns = [
        (f"{storage}, {location.replace('_', ' ')}", seen, location)
        for storage, seen in storages.items()
        for location in LOCATIONS
    ]
    routes = [
        [words, *(str(seen.route(place, route)) if applies(place, route) else "–" for _, seen, place in columns)]
        for route, words in ROUTES.items()
    ]
    shapes = [
        [words, *(str(sqlite.shape(time, shape)) for time in ("alone", "together"))] for shape, words in SHAPES.items()
    ]
    return "\n\n".join(
        [
            _table(["launched by", *(title for title, _, _ in columns)], routes),
            _table(["shape of the training asset", "after its upstream", "in the run of its upstream"], shapes),
        ]
    )


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
