"""A user's own module run on values, with every row of its table found in the run.

In: a module, and images (images.py) or weights (weights.py). Out: the values of every row, or a unit's gradient
(gradient.py). Read rows.py (which call of the program makes which row, remembered while the module is traced), run.py
(the same program on real tensors), layout.py (a tensor in one order), ready.py (a copy, or the module itself, restored
to the bit afterwards), held.py (norms whose statistics are kept still).
"""
