"""Every layer type: its settings, geometry, parameters, MACs, and how torch spells it, one class each.

In: a map. Out: the map after the layer, and what it costs. Read base.py (what every layer has) and padding.py (what
lies beyond a map's border), then the families:
convolution.py, pooling.py, pointwise.py, resampling.py, joins.py, channels.py, places.py, sources.py (what comes in
beside the image), opaque.py (known by name only). Adding a layer type is one class in one of these files; the keys of
the spec language, the JSON Schema, the table's columns and the torch module all come from it.
"""

from . import channels, opaque, places  # noqa: F401 - they register their layer types
from .base import LAYER_FEATURES, LAYERS, Layer
from .convolution import Conv, ConvTranspose, transposed_taps
from .joins import Concat, Join
from .padding import PAD_NAMES
from .pointwise import BatchNorm
from .pooling import MaxPool, adaptive_taps
from .resampling import LINEAR_MODES, Resample, Upsample, interpolation_taps

__all__ = [
    "LAYERS", "LAYER_FEATURES", "LINEAR_MODES", "PAD_NAMES", "BatchNorm", "Concat", "Conv", "ConvTranspose", "Join",
    "Layer", "MaxPool", "Resample", "Upsample", "adaptive_taps", "interpolation_taps", "transposed_taps",
]  # fmt: skip
