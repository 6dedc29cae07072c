"""pytest's door to rfcalc: `pytest --rfcalc archs/*.yaml` collects specs as tests.

pytest loads this module at every start, in projects that have no networks too: it imports nothing, and without its
options it does nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("rfcalc", "networks as tests")
    group.addoption(
        "--rfcalc",
        action="store_true",
        help="collect specs (YAML files) as tests: the table against the one that was kept, claims, targets, and the "
        "proof where torch is installed",
    )
    group.addoption(
        "--rfcalc-update",
        action="store_true",
        help="keep the tables of the collected specs, in __tables__ beside them; implies --rfcalc",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("rfcalc") or config.getoption("rfcalc_update"):
        from . import collected

        config.pluginmanager.register(collected, "rfcalc-collected")
