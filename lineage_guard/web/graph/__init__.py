"""The path graph: what is between a version and what was found upstream of it, and how it is drawn."""
