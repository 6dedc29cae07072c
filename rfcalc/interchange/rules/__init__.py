"""What each operator of ONNX means in layers, by family.

In: a node (`Op`). Out: a `Map`. Read windows.py (convolutions, pools, norms), arithmetic.py (values in step,
reductions), products.py, resizes.py, sequences.py (recurrent layers), views.py (reshapes, parts).
"""

from . import arithmetic, products, resizes, sequences, views, windows  # noqa: F401 - they register their rules
