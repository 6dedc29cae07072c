"""The algebra: one graph of named layers, and where every unit of every map looks.

In: layers with settings, each reading those before it. Out: `Arch`, whose rows have sizes, jumps, fields, parameters
and MACs, and the exact path counts of any unit. Loads neither torch nor numpy; knows nothing of files and reports.
Read geometry.py (windows, axes, fields), kinds.py (what a setting may be), layers/ (one class per layer type),
ports.py (inputs and outputs), arch.py (the graph and its walk), paths.py (how often each pixel is read), reach.py
(which pixels are, with the borders of the real map).
"""
