"""A deployment that trains: what a user's own code location looks like."""
