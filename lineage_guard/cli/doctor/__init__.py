"""``lineage-guard doctor``: can the guard see, and would it stop what it should? One examination per module."""
