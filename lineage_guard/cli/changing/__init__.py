"""``lineage-guard impact``: which trained versions other rules would judge otherwise, before they are merged."""
