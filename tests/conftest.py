"""How many random cases hypothesis tries: the same ones in every run, or with HYPOTHESIS_PROFILE=explore new ones."""

from __future__ import annotations

import os
from importlib.util import find_spec

from hypothesis import HealthCheck, settings

SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)

settings.register_profile("repeat", max_examples=150, deadline=None, derandomize=True, suppress_health_check=SLOW)
settings.register_profile("explore", max_examples=2000, deadline=None, suppress_health_check=SLOW)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeat"))

NEED_TORCH = ("build", "check*", "field", "opaque", "student_models", "torch_layout", "trace_torch", "train_*")
collect_ignore_glob = [] if find_spec("torch") else [f"test_{name}.py" for name in NEED_TORCH]
"""Without torch the engine's tests run alone."""
