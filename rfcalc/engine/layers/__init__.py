"""Every layer type: its settings, geometry, parameters, MACs, and how torch spells it, one class each.

In: a map. Out: the map after the layer, and what it costs. Read base.py (what every layer has), then the families:
convolution.py, pooling.py, pointwise.py, resampling.py, joins.py, channels.py, places.py, sources.py (what comes in
beside the image), opaque.py (known by name only). Adding a layer type is one class in one of these files; the keys of
the spec language, the JSON Schema, the table's columns and the torch module all come from it.
"""

from . import channels, opaque, places  # noqa: F401 - they register their layer types
from .base import LAYER_FEATURES, LAYERS, PAD_NAMES, Layer, before, layer, make_windows, product
from .convolution import Conv, ConvTranspose, transposed_taps
from .joins import Add, Concat, Join, Multiply
from .pointwise import BatchNorm, Norm
from .pooling import AvgPool, Flatten, Linear, MaxPool, adaptive_taps
from .resampling import LINEAR_MODES, Pad, Resample, Upsample, interpolation_taps

__all__ = [
    "LAYERS",
    "LAYER_FEATURES",
    "LINEAR_MODES",
    "PAD_NAMES",
    "Add",
    "AvgPool",
    "BatchNorm",
    "Concat",
    "Conv",
    "ConvTranspose",
    "Flatten",
    "Join",
    "Layer",
    "Linear",
    "MaxPool",
    "Multiply",
    "Norm",
    "Pad",
    "Resample",
    "Upsample",
    "adaptive_taps",
    "before",
    "interpolation_taps",
    "layer",
    "make_windows",
    "product",
    "transposed_taps",
]
