"""A profile for mutation testing (``make mutate``): the same few examples for every mutant."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "mutate",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=10,
    suppress_health_check=[HealthCheck.too_slow],
)
