"""Design by search: the networks of a family that meet their targets, and the smallest change that repairs one.

In: a family (a spec with choices), or a spec that misses its targets. Out: specs, each walked by the engine. Read
design.py, the story of `rfcalc design`: family.py (text to program), program.py (what a program is), runner.py (a
program run for all assignments at once), merged.py (as a graph of states), capped.py (of those alone that can stay
within the limits) with small.py, graph.py, labels.py, best.py and graph_search.py (a graph's answers), listed.py (as a
table of all networks) with list_search.py (a table's answers), goal.py (what is asked), front.py (answers as text and a
plot). Then repair.py: sites.py (where a spec states what), edits.py (what one edit can be), walker.py (the network
under edits), hunt.py (the smallest set of edits), written.py and yamltext.py (the author's text with the edits in it).
Both ask the engine through memo.py, each question once.
"""
