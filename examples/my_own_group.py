"""Bring a group of your own: the boosts of one space dimension, which mix t and x and keep t^2 - x^2.

python examples/my_own_group.py
"""

import torch

import isotropy
from isotropy.groups import MatrixGroup, Window
from isotropy.reps import Scalar, Vector, equivariant_basis
from isotropy.testing import check_group

boosts = MatrixGroup("SO+(1,1)", algebra=[[[0.0, 1.0], [1.0, 0.0]]])
check_group(boosts)  # the library's own contract: exp and log, inverses, closure, sampling, ...
print("generators and laws: fine")

basis = equivariant_basis(Vector, Vector, boosts)
print(f"linear maps of events that commute with boosts: {basis.dim} dimensions (1 and the boost itself)")

# Two events in; out comes the interval between them, disturbed by a clock that knows its own frame of rest.
generator = torch.Generator().manual_seed(0)
x = torch.randn(300, 4, generator=generator, dtype=torch.float64)
t, s = (x[:, 2:] - x[:, :2]).unbind(1)
types = {"x": 2 * Vector("event"), "y": Scalar("interval"), "dims": {"space": 2}}

# Boosts have no uniform law: a Window says how far we look, and the width is reported with the level.
candidates = [Window(boosts, width=0.5)]
for name, y in (("t^2 - s^2", t**2 - s**2), ("t^2 - s^2 + t", t**2 - s**2 + t)):
    found = isotropy.discover(x, y[:, None], types, groups=candidates, seed=0, quick=True)
    print(f"\ny = {name}")
    print(found.table())
