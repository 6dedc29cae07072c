"""What each torch function means in layers. Read table.py first: which function, which rule, on one page; kinds.py
lists what needs no rule.

The rules by family: windows.py (pools, resampling, norms, activations), products.py (convolutions, matrix products,
attention), values.py (arithmetic, joins, reductions), losses.py, views.py (reshapes, slices), sequences.py (embeddings,
recurrent layers), complex_numbers.py, quantised.py, fallback.py (what is said where no rule fits).
"""
