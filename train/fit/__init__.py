"""The loop: a network, a recipe and batches in; weights and a record out.

Read loop.py (the journey), model.py, optim.py and muon.py, precision.py, dropout.py, evaluate.py, record.py,
process_group.py, progress.py.
"""
