"""Which sinks there are, and who is told what: from the environment and from a file of routes."""
