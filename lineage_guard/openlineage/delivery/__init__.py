"""How archived events get to a lineage backend: as it wants them, one at a time, and how far that has got."""
