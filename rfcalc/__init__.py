"""Receptive fields, sizes, parameters and costs of convolutional networks, worked out, proved and trained."""

from .arch import Arch, Node, ReceptiveField, Row
from .errors import RfcalcError, SpecError
from .spec import loads
from .zoo import load, names

__version__ = "0.1.0"
__all__ = ["Arch", "Node", "ReceptiveField", "RfcalcError", "Row", "SpecError", "load", "loads", "names"]
