"""BMS3 as a group to hold: what it does to Minkowski space, what it leaves, and how past and future match.

python examples/hold_bms3.py
"""

import torch

from isotropy.physics import BMS3, Aspects, match_past_future, vacuum_fingerprint

group = BMS3(G=1.0, modes=128)
phi = group.phi
g = group.element(0.2 * (2 * phi).sin(), 0.3 * (3 * phi).cos())  # a superrotation and a supertranslation
minkowski = Aspects.from_function(lambda phi: -1.0, lambda phi: 0.0, 128)
moved = minkowski.pullback(g)

before, after = minkowski.invariants(), moved.invariants()
print(f"Theta was -1 and lies in [{float(moved.theta.min()):.2f}, {float(moved.theta.max()):.2f}]")
print(f"tr M moved by {abs(float(after.trace - before.trace)):.0e}; {moved.classify().kind}, still flat")
print(f"supermomenta tell the vacua apart: {float(vacuum_fingerprint(moved).modes.P.abs().max()):.2f}")
print(f"{{J_2, P_-2}} = {group.bracket(('J', 2), ('P', -2))}")
future = match_past_future(moved)
same = torch.allclose(future.charges(2).P[0], moved.charges(2).P[0])
print(f"the energy of the past is that of the future: {same}")
