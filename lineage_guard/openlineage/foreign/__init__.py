"""What other producers say: kept as it was said, and read together, as one event alone does not name versions."""
