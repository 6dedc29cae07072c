"""What a training does: a recipe read from YAML, every value checked.

In: a spec's `train:` section or a recipe's file. Out: `Recipe`. Read options.py (what a user asks), recipe.py,
reader.py (from YAML), schedule.py, schema.py, errors.py, starter.py (`rfcalc new`).
"""
