"""How many random cases hypothesis tries: the same ones in every run, or with HYPOTHESIS_PROFILE=explore new ones."""

from __future__ import annotations

import os
from importlib.util import find_spec

from hypothesis import HealthCheck, settings

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the workers of a run share its cores; torch is not loaded yet

SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)

settings.register_profile("repeat", max_examples=150, deadline=None, derandomize=True, suppress_health_check=SLOW)
settings.register_profile("explore", max_examples=2000, deadline=None, suppress_health_check=SLOW)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeat"))

NEED_TORCH = ["proof/*", "tracing/*", "train/*", "test_build.py", "test_measure*.py", "test_source.py"]
collect_ignore_glob = [] if find_spec("torch") else NEED_TORCH
"""Without torch the engine's tests run alone."""
