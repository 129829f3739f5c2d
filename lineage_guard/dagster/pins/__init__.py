"""Which version of every input a step read: resolved from the event log, the partition mappings and the records."""
