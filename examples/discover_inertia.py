"""Which symmetries hold in my data? Five masses and their positions predict a tensor of inertia, disturbed along z.

    python examples/discover_inertia.py [DIRECTORY]

With a directory the report is written there.
"""

import sys

import torch

import isotropy
from isotropy.reps import Scalar, Tensor, Vector

generator = torch.Generator().manual_seed(0)
masses = 0.5 + torch.rand(300, 5, generator=generator, dtype=torch.float64)
positions = torch.randn(300, 5, 3, generator=generator, dtype=torch.float64)

# J = sum_i m_i (|r_i|^2 I - r_i r_i^T), with its last column 30 % too large: only turns about z leave that alone.
squares = positions.square().sum(-1)[..., None, None] * torch.eye(3, dtype=torch.float64)
outer = positions[..., :, None] * positions[..., None, :]
J = (masses[..., None, None] * (squares - outer)).sum(1) * torch.tensor([1.0, 1.0, 1.3], dtype=torch.float64)

x = torch.cat([masses, positions.flatten(1)], dim=1)
y = J.flatten(1)
types = {"x": 5 * Scalar("mass") + 5 * Vector("position"), "y": Tensor(2)("inertia")}

found = isotropy.discover(x, y, types, groups=["O(3)", "O(2)@z", "O(2)@x"], seed=0, quick=True)
print(found.table())
print(found.recommendation)
if len(sys.argv) > 1:
    found.report(f"{sys.argv[1]}/report.html")
