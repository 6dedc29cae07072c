"""Every figure of a table held against torch.

In: an `Arch`. Out: a report of what was held against what, and each figure that does not hold, with its cause.
Read check.py (the journey), axis.py (fields, jumps, starts and path counts along one axis), path_counting.py and
kernels.py (the network whose gradients count paths), causes.py (why a figure differs), tally.py, report.py.
"""
