"""How properties are searched: `ci` repeats the same examples, `dev` looks for new ones."""

import os

from hypothesis import HealthCheck, settings

# No deadlines: two cores shared with other tests say nothing about speed.
settings.register_profile("dev", deadline=None)
settings.register_profile(
    "ci",
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))
