"""Web: the HTTP side of the guard, behind the extra ``web``: the OpenLineage receiver and the path view."""
