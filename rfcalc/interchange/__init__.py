"""An ONNX file as an `Arch`: each node of its graph becomes the layers that it means. Needs onnx and numpy, no torch.

In: a file and, where it leaves sizes open, the shapes of its inputs. Out: an `Arch` as the tracer of torch modules
makes it, for the layers grow in the same graph (tracing.graph, tracing.moves) by the same rules.
Read file.py (opening it, its inputs), reader.py (the journey), node.py (one node and its arguments), tensors.py
(tensors that hold nothing of the image: weights and numbers), names.py (what a layer is called), rules/ (what each
operator means in layers). evaluate.py runs the model on values, with windows.py where onnx's evaluator is slow.
"""
