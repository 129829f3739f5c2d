"""What is thought of a step and why, from ledger and catalog alone: for the gate, the command line and pages."""
