"""Any torch module as an `Arch`: its own forward runs once, on shapes alone, and every function it calls is recorded.

In: a module and the shapes of its inputs. Out: an `Arch`, the module and the process left as they were.

The journey: user_code.py (finding and making what a user names), inputs.py (what it is given), trace.py (the story, top
to bottom), run.py (one run of its forward), dispatch.py (each call of a torch function: what kind it is, by
spellings.py), outputs.py (what it returns). exported.py opens programs that torch.export has written. What each
function means: rules/table.py, and the rules beside it. The state while it runs, state.py: known.py (which tensors hold
what), writes.py (writes into them), charges.py (parameters counted), shapes.py (functions run on shapes alone),
graph.py (the layers that grow); beside it constants.py (what holds nothing of the image), modules.py (which module is
running), hidden.py and scripted.py (parts that run outside Python), call.py (a call's arguments), casts.py (changes of
type), results.py (what a call returns); dims.py, order.py, moves.py, placing.py, multiply.py, contraction.py (which
dimension holds which axis, and the layers that say how it came there).
"""
