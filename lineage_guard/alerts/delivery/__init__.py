"""What waits for which sink, and how it gets there: in order, at a pace, and by others where a sink is dead."""
