"""The loop: a network, a recipe and batches in; weights and a record out.

Read target.py (what is trained), start.py (how a run begins), loop.py (the journey), model.py, optim.py and muon.py,
precision.py with kept.py, dropout.py, memory.py, evaluate.py, record.py, process_group.py, progress.py, trackers.py.
"""
