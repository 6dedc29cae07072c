"""What a user writes: the spec language.

In: YAML text. Out: an `Arch`, or one error with every problem at its line; and back, an `Arch` as text.
Read yamlfile.py (text to values with lines), reader.py (values to layers) with document.py (what stands around the
layers), names.py, written.py (one layer), arithmetic.py and problems.py, draft.py (a text that is still being written),
stated.py (a figure as its writer rounds it), claims.py (what may be stated and demanded), writer.py (an `Arch` as
text), schema.py (the language for editors).
"""
