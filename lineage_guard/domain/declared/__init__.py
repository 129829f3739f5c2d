"""Declared and seen: what an asset's author says of its making, and what its step was seen to use."""
