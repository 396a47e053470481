"""Which parameters can data see? Enzyme kinetics at low concentration: only a ratio of the two constants.

python examples/which_parameters.py
"""

import torch

from isotropy.physics import parameter_symmetries, sloppy_directions

t = torch.linspace(0.0, 2.0, 30, dtype=torch.float64)


def decay(theta: torch.Tensor) -> torch.Tensor:
    """Far below saturation a substrate decays at v_max / K_m."""
    v_max, K_m = theta
    return torch.exp(-v_max / K_m * t)


draws = 1 + torch.rand(20, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
found = parameter_symmetries(decay, draws)
(field,) = found.realisation or ()
print(f"exact symmetries: {found.dim}, gap {found.gap:.0e}")
print("along it v_max / K_m stays:", (field.A.diagonal() / field.A[0, 0]).round(decimals=6).tolist())

ranked = sloppy_directions(decay, draws.mean(0), weights=torch.full((30,), 100.0))
print(f"information across and along it: {ranked.singular_values[0]:.1f}, {ranked.singular_values[1]:.1e}")
