"""Graphs piece by piece: subgraphs of graphs, and layers that commute with every relabelling of each."""
