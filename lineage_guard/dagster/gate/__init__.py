"""What stands in the training step: wraps it, asks for the verdict, passes or raises, and shows why."""
