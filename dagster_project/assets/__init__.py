"""The deployment's assets, a module per stage."""
