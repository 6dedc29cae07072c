"""Receptive fields, sizes, parameters and costs of convolutional networks, worked out, proved and trained."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import audit, build, check, compare, dump, effective_field, explain, explore, findings  # noqa: I001
    from .api import infer, load, loads, names, schema, table, trace
    from .engine.arch import Arch, Node, ReceptiveField, Row
    from .errors import MissingExtra, RfcalcError, SettingError, ShapeError, SpecError
    from .measure import EffectiveField
    from .network import Network
    from .page.door import Page
    from .proof.module_report import ModuleReport
    from .proof.report import Report
    from .readme.audit.verdict import Audit
    from .readme.infer.inference import Inference
    from .report.compare import Comparison
    from .report.findings import Finding
    from .report.table import Table

__version__ = "0.2.0"
__all__ = [
    "Arch", "Audit", "Comparison", "EffectiveField", "Finding", "Inference", "MissingExtra", "ModuleReport",
    "Network", "Node", "Page", "ReceptiveField", "Report", "RfcalcError", "Row", "SettingError", "ShapeError",
    "SpecError",
    "Table", "audit", "build", "check", "compare", "dump", "effective_field", "explain", "explore",
    "findings", "infer", "load", "loads", "names", "schema", "table", "trace",
]  # fmt: skip
_HOMES = {
    "engine.arch": ("Arch", "Node", "ReceptiveField", "Row"),
    "errors": ("MissingExtra", "RfcalcError", "SettingError", "ShapeError", "SpecError"),
    "measure": ("EffectiveField",),
    "network": ("Network",),
    "page.door": ("Page",),
    "proof.module_report": ("ModuleReport",),
    "proof.report": ("Report",),
    "readme.audit.verdict": ("Audit",),
    "readme.infer.inference": ("Inference",),
    "report.compare": ("Comparison",),
    "report.findings": ("Finding",),
    "report.table": ("Table",),
}
"""Where the types live; the functions are in api.py."""


def __getattr__(name: str) -> Any:
    """What is public is imported when it is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = next((home for home, types in _HOMES.items() if name in types), "api")
    if home in ("measure", "network", "proof.report"):
        from .errors import need

        need("torch", "torch")
    return getattr(import_module(f".{home}", __name__), name)


def __dir__() -> list[str]:
    return __all__
