"""The loop: a network, a recipe and batches in; weights and a record out.

Read target.py and trained.py (what is trained, or was), start.py (how a run begins), loop.py (the journey),
objective.py (what a step minimises), model.py, optim.py and muon.py, precision.py with kept.py, what compiled.py makes
for a CPU (fused.py with norm.cpp, tiled.py with tiles.cpp), dropout.py, memory.py, evaluate.py, record.py,
process_group.py, progress.py, trackers.py.
"""
