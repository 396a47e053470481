"""Products of functions on the sphere: equivariant at the cost of a transform."""
