"""A user's own module run on values, with every row of its table found in the run.

`rows` remembers, while the module is traced, which call of the program makes which row; `run` runs the same program on
real tensors and hands out those results; `ready` makes the module fit for that (a copy, or the module itself, restored
to the bit afterwards); `held` keeps the statistics of norms still.
"""
