"""Permutations of vertices: canonical labelling, frames of graphs, means over automorphisms."""
