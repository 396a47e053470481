"""Multidimensional scaling: coordinates from distances."""
