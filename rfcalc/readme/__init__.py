"""READMEs: the network behind a printed summary, and every stated figure against the arithmetic.

In: a document. read/ takes it apart, infer/ rebuilds networks, audit/ judges what is stated.
"""
