"""The archive: bytes that stay; the log, its packs and the documents beside it."""
