"""Recorded tracks in, conserved quantities out: here of planets in coordinates that a shear distorts.

python examples/what_is_conserved.py
"""

import torch

from isotropy.data import load
from isotropy.dynamics import laws_of, trajectories_of

for friction in (0.0, 0.1):
    tracks = trajectories_of(load("kepler", shear=0.5, friction=friction, tracks=20, steps=20))
    found = laws_of(tracks)
    print(f"friction {friction:g}: {found.fit.left:.1g} of the accelerations held out are not explained")
    for law in found.laws:
        print(f"  {law.name:18} {law.verdict:31} drift {law.drift.mean:.1e}, floor {law.floor.mean:.1e}")

momentum = found.laws[1].quantity  # a function of positions and velocities
q, v = torch.tensor([[1.0, 0.0]]).double(), torch.tensor([[0.0, 1.0]]).double()
print(f"angular momentum of one state: {momentum(q, v).item():.2f}")
