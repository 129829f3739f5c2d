"""``lineage-guard explain``: every path, and what would unblock, as text, JSON and a page."""
