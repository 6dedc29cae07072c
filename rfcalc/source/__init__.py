"""A network as the text of a torch module.

In: an `Arch`. Out: a Python file that needs no rfcalc. Read writer.py (the journey and its classes), groups.py (which
layers belong together), layers.py (how one layer is made or called), forward.py (the lines of a forward).
"""
