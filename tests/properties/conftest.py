"""A profile for mutation testing (``make mutate``): the same few examples for every mutant."""

from hypothesis import HealthCheck, Phase, settings

settings.register_profile(
    "mutate",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=10,
    # That a test fails is enough; a smallest example takes a minute to find.
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
