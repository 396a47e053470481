"""The moment of inertia of point masses, with one axis made heavier: O(3) broken down to O(2) about that axis."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

from isotropy.data.synthetic._made import Made, Truth, principal_pose
from isotropy.errors import DomainError
from isotropy.reps import Schema

_AXES = {"z": (0.0, 0.0, 1.0), "x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0)}


@dataclass(frozen=True, kw_only=True)
class Inertia(Made):
    """y = J (I + nu D) with J = sum_i m_i (|r_i|^2 I - r_i r_i^T), k masses m = softplus(N(0, 1)), r ~ N(0, I).

    ``axis`` 0, 1 or 2 makes D the projector on that axis, ``axis=-1`` takes D = diag(-1, 1, 0), and a direction ``u``
    (normalised here) makes D = u u^T, an axis that no candidate names. ``generator="paper"`` draws inputs as the
    authors' code does (float32, seeded n + k + 4 k + seed) instead of from our own streams.

    Kim et al., ICML 2023 (arXiv 2306.00356); Finzi, Benton and Wilson, NeurIPS 2021; truth: section 5.2.

    >>> problem = Inertia(nu=-1.0, axis=2)
    >>> {name: round(b, 5) for name, b in problem.truth().shares.items()}
    {'O(3)': 0.59717, 'O(2)@z': 0.0, 'O(2)@x': 0.44788, 'O(2)@y': 0.44788}
    """

    nu: float = 0.3
    axis: int = 2
    u: tuple[float, float, float] | None = None
    k: int = 5
    generator: Literal["own", "paper"] = "own"

    name = "inertia"
    title = "Moment of inertia of five masses"
    story = (
        "Masses and positions of a few points, and their 3x3 tensor of inertia, of which a dial nu falsifies one "
        "axis, as a tilted or miscalibrated bench would. Physics is the same in all directions; with nu = 0 every "
        "rotation and reflection holds, otherwise only those about the falsified axis."
    )
    groups = ("O(3)", "O(2)@z", "O(2)@x", "O(2)@y")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.axis not in (-1, 0, 1, 2):
            raise DomainError(f"axis = {self.axis}", "0, 1, 2, or -1 for D = diag(-1, 1, 0)")
        if self.k < 1:
            raise DomainError(f"k = {self.k}", "at least one mass")
        if self.u is not None and math.hypot(*self.u) == 0:
            raise DomainError(f"u = {self.u}", "a direction, not zero")

    @property
    def types(self) -> Schema:  # pyright: ignore[reportIncompatibleVariableOverride]
        return Schema(
            x=f'{self.k}*Scalar("mass") + {self.k}*Vector("position")', y='Tensor(2)("inertia")', dims={"space": 3}
        )

    @property
    def D(self) -> Float[Tensor, "3 3"]:
        """The 3x3 matrix that the dial multiplies."""
        if self.u is not None:
            u = torch.tensor(self.u, dtype=torch.float64)
            return torch.outer(u, u) / u.dot(u)
        diagonal = (-1.0, 1.0, 0.0) if self.axis == -1 else tuple(float(i == self.axis) for i in range(3))
        return torch.diag(torch.tensor(diagonal, dtype=torch.float64))

    def draw(self, n: int, *, generator: torch.Generator) -> Float[Tensor, "n p"]:
        if self.generator == "paper":
            seeded = torch.Generator().manual_seed(n + self.k + 4 * self.k + self.seed)
            x = torch.randn(n, 4 * self.k, generator=seeded).double()
        else:
            x = torch.randn(n, 4 * self.k, generator=generator, dtype=torch.float64)
        return torch.cat([softplus(x[:, : self.k]), x[:, self.k :]], 1)

    def function(self, x: Float[Tensor, "... p"]) -> Float[Tensor, "... 9"]:
        m, r = x[..., : self.k], x[..., self.k :].unflatten(-1, (self.k, 3))
        eye = torch.eye(3, dtype=x.dtype, device=x.device)
        J = (m * r.square().sum(-1)).sum(-1)[..., None, None] * eye - torch.einsum("...i,...ia,...ib->...ab", m, r, r)
        return (J @ (eye + self.nu * self.D.to(x))).flatten(-2)

    def align(self, x: Float[Tensor, "n p"]) -> Float[Tensor, "n p"]:
        r = x[:, self.k :].unflatten(-1, (self.k, 3))
        return torch.cat([x[:, : self.k], principal_pose(r).flatten(1)], 1)

    def truth(self) -> Truth:
        """B_G = nu^2 |D - Dbar|^2 c: E J^2 = c I, so R_G only replaces D by its mean Dbar over the group (5.2)."""
        m1, m2 = softplus_moments()
        c = 10 * self.k * m2 + 4 * self.k * (self.k - 1) * m1**2
        j0 = 2 * self.k * m1
        D = self.D
        e = c * float((torch.eye(3, dtype=D.dtype) + self.nu * D).square().sum())
        V = e - 3 * j0**2 * (1 + self.nu * float(D.trace()) / 3) ** 2
        means = {"O(3)": D.trace() / 3 * torch.eye(3, dtype=D.dtype)}
        means |= {f"O(2)@{name}": _mean_about(D, torch.tensor(a, dtype=D.dtype)) for name, a in _AXES.items()}
        return Truth(V, e, {name: self.nu**2 * c * float((D - mean).square().sum()) for name, mean in means.items()})


def _mean_about(D: Tensor, a: Tensor) -> Tensor:
    """Mean of g^T D g over O(2) about the unit axis a: isotropic in the plane, unchanged along the axis."""
    along = torch.outer(a, a)
    plane = torch.eye(3, dtype=D.dtype) - along
    return (plane * D).sum() / 2 * plane + (along * D).sum() * along


@lru_cache(maxsize=1)
def softplus_moments() -> tuple[float, float]:
    """E m and E m^2 for m = log(1 + exp Z), Z ~ N(0, 1), by Gauss-Hermite quadrature.

    >>> [round(moment, 6) for moment in softplus_moments()]
    [0.806059, 0.921246]
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(120)
    m = np.logaddexp(0.0, nodes)
    weights = weights / weights.sum()
    return float(weights @ m), float(weights @ m**2)
