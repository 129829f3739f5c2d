"""Dagster's event log becomes asset runs in the ledger: one way for the gate, the sensor and the command line."""
