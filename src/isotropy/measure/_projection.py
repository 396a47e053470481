"""How far is a layer's weight from the equivariant maps, as an operator?"""

import math

from torch import Tensor, nn

from isotropy.errors import DomainError, ShapeError
from isotropy.groups import Group, parse
from isotropy.reps import Rep, Scalar, equivariant_basis, parse_rep


def projection_error(layer: nn.Linear | Tensor, rep_in: Rep | str, rep_out: Rep | str, group: Group | str) -> float:
    """||W - P W|| / ||W||, in the Frobenius norm, of a weight (n_out, n_in); 0 for an equivariant map, at most 1.

    P projects on the equivariant maps of ``group``. The bias of a linear layer counts as a map from a Scalar. A large
    value does not mean that the network is not symmetric: this distance depends on the chosen hidden types, and
    equivariance in them is sufficient, not necessary (§2.5 a).

    Raises ShapeError for a weight that the types do not fit, DomainError for one that is zero. Source: §2.2.

    >>> import torch
    >>> from isotropy.reps import Vector
    >>> projection_error(torch.tensor([[1.0, -2.0], [2.0, 1.0]]), Vector, Vector, "SO(2)") < 1e-6
    True
    """
    G, rep_in, rep_out = parse(group), parse_rep(rep_in), parse_rep(rep_out)
    if isinstance(layer, nn.Linear):
        maps = [(layer.weight, rep_in)]
        if layer.bias is not None:  # pyright: ignore[reportUnnecessaryComparison]
            maps.append((layer.bias[:, None], Scalar))
    else:
        maps = [(layer, rep_in)]
    rest = energy = 0.0
    for weight, domain in maps:
        expected = rep_out.dim(G), domain.dim(G)
        if tuple(weight.shape) != expected:
            raise ShapeError(f"a weight of shape {tuple(weight.shape)}", f"{expected} for {domain} -> {rep_out}")
        W = weight.detach().double()
        rest += float(equivariant_basis(domain, rep_out, G).residual(W).square().sum())
        energy += float(W.square().sum())
    if energy == 0:
        raise DomainError("a weight of zeros", "some weight", "its distance would be vacuous, not zero")
    return math.sqrt(rest / energy)
