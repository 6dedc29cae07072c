"""What each operator of ONNX means in layers."""

from . import arithmetic, products, resizes, sequences, views, windows  # noqa: F401 - they register their rules
