"""What a force field asks of its edges before it works: that atoms are apart, and whether each pair is there twice."""

import torch
from torch import Tensor

from isotropy.errors import DomainError


def refuse_coincident(edges: Tensor, length: Tensor) -> None:
    """Raises DomainError for two atoms in one place, naming the pair; compiled code does not look."""
    if torch.compiler.is_compiling() or not length.numel():
        return
    shortest = int(length.argmin())
    if not float(length[shortest]) > 1e-6:
        first, second = sorted(edges[:, shortest].tolist())
        raise DomainError(
            f"atoms {first} and {second} in one place, or not at all", "finite positions more than 1e-6 A apart"
        )


def tracked(x: Tensor) -> Tensor:
    """The tensor itself, or a copy that gradients may use of one made in inference mode."""
    return x.clone() if x.is_inference() else x


def paired(edges: Tensor) -> tuple[Tensor, bool]:
    """The edges that have source < target, and True, where the others are the same turned; else all, and False."""
    if torch.compiler.is_compiling():
        return edges, False
    up = edges[0] < edges[1]
    pairs, others = edges[:, up], edges[:, ~up].flip(0)
    if pairs.shape != others.shape:
        return edges, False
    size = int(edges.max()) + 1 if edges.numel() else 1
    one, other = (pairs[0] * size + pairs[1]).sort().values, (others[0] * size + others[1]).sort().values
    return (pairs, True) if torch.equal(one, other) else (edges, False)
