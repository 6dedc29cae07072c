"""Every figure of a table held against torch, or against the module or ONNX file that it was read from.

In: an `Arch`, a torch module or an ONNX file. Out: a report of what was held against what, and each figure that does
not hold, with its cause. Of a spec, read check.py (the journey), axis.py (fields, jumps, starts and path counts along
one axis), path_counting.py and kernels.py (the network whose gradients count paths), causes.py (why a figure differs),
tally.py, report.py. Of a module, module.py (the journey) and changes.py; of an ONNX file, exchanged.py. Both then go
through pixels.py (which pixels are changed), predict.py (what may and must change), draws.py, verdict.py and
module_report.py.
"""
