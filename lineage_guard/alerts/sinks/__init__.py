"""Where alerts go: one module per receiver, and what they have in common in ``base``."""
