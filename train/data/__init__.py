"""Images and labels, from disk to augmented batches.

In: a folder, a set's name or `synthetic`. Out: `Data`, and batches of tensors. Read sets.py (finding a set), formats.py
(reading it), download.py, synthetic.py, augment.py with transforms.py (whole batches) and shift.py, batches.py,
seeds.py.
"""
