"""A sum over items whose weights differ: permutations broken by the spread of the weights."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.data.synthetic._made import Made, Truth
from isotropy.errors import DomainError
from isotropy.reps import Schema


@dataclass(frozen=True, kw_only=True)
class Permutation(Made):
    """f = sum_i w_i x_i^2 with w_i = 1 + eps * l_i, l_i equally spaced from -1 to 1; x_i ~ N(0, 1), i = 1..k.

    b = sum (w_i - mean w)^2 / sum w_i^2, whatever the function of one item.

    >>> Permutation(eps=0.5, k=5).truth().shares
    {'S(5)': 0.1111111111111111}
    """

    eps: float = 0.5
    k: int = 5

    name = "permutation"
    title = "A weighted sum over items"
    story = (
        "A total over items that should not depend on their order, and does, because the scale that weighs them "
        "gives later items more."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.k < 2:
            raise DomainError(f"k = {self.k}", "at least two items")

    @property
    def groups(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return (f"S({self.k})",)

    @property
    def types(self) -> Schema:  # pyright: ignore[reportIncompatibleVariableOverride]
        return Schema(x="Nodes", y='Scalar("total")', dims={"nodes": self.k})

    @property
    def weights(self) -> Float[Tensor, " k"]:
        """The weight of each item."""
        return 1 + self.eps * torch.linspace(-1, 1, self.k, dtype=torch.float64)

    def align(self, x: Float[Tensor, "n k"]) -> Float[Tensor, "n k"]:
        return x.sort(1).values

    def function(self, x: Float[Tensor, "... k"]) -> Float[Tensor, "... 1"]:
        return (x.square() @ self.weights.to(x))[..., None]

    def truth(self) -> Truth:
        """Var x_i^2 = 2, and R_G replaces every weight by their mean."""
        w = self.weights
        V = 2 * float(w.square().sum())
        return Truth(V, V + float(w.sum()) ** 2, {self.groups[0]: 2 * float((w - w.mean()).square().sum())})
