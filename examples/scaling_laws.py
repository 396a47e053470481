"""Scaling exponents: of an equation, exactly, and of noisy measurements, with intervals.

python examples/scaling_laws.py
"""

import torch

from isotropy.physics import exponents_from_data, exponents_from_equation

for equation in ("T**2 = a**3", "u_t + u*u_x + u_xxx", "u_tt = u_xx - sin(u)"):
    found = exponents_from_equation(equation)
    told = [", ".join(f"{name}: {weight}" for name, weight in one.items()) for one in found]
    print(f"{equation:24}", "; ".join(told) or "no scaling")

draw = torch.Generator().manual_seed(0)
axis = 0.4 + 30 * torch.rand(200, 1, generator=draw, dtype=torch.float64)
period = axis[:, 0] ** 1.5 * torch.exp(0.05 * torch.randn(200, generator=draw, dtype=torch.float64))
law = exponents_from_data(axis, period)
print(f"200 planets with 5 % noise: {law.intervals[0]}, no bend: p = {law.bend:.2f}")
