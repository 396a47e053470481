"""Averages over the automorphisms of a graph, as means over orbits of its vertices and orbitals of its pairs."""

import numpy as np
import scipy
import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.errors import ShapeError


def orbit_mean(y: Float[Tensor, "*batch n c"], orbits: Int[Tensor, "*batch n"]) -> Float[Tensor, "*batch n c"]:
    """The average of ``y`` over all automorphisms: each vertex gets the mean over its orbit.

    ``orbits`` numbers the orbit of each vertex, from 0 to n - 1, separately in each graph. Exact and O(n), since a
    finite group spreads each vertex evenly over its orbit. Raises ShapeError. Source: specification 03 §2.5.

    >>> orbit_mean(torch.tensor([[1.0], [5.0], [3.0]]), torch.tensor([0, 1, 0])).tolist()
    [[2.0], [5.0], [2.0]]
    """
    if y.shape[:-1] != orbits.shape:
        raise ShapeError(f"orbits of shape {tuple(orbits.shape)}", f"{tuple(y.shape[:-1])}, one for each row of y")
    n = orbits.shape[-1]
    graphs = torch.arange(orbits[..., 0].numel(), device=orbits.device).reshape(*orbits.shape[:-1], 1)
    where = (graphs * n + orbits).flatten()
    total = torch.zeros_like(y).reshape(-1, y.shape[-1]).index_add(0, where, y.reshape(-1, y.shape[-1]))
    count = torch.bincount(where, minlength=len(total)).clamp(min=1).to(y.dtype)
    return (total / count[:, None])[where].reshape(y.shape)


def orbital_mean(
    y: Float[Tensor, "*batch n n c"], orbitals: Int[Tensor, "*batch n n"]
) -> Float[Tensor, "*batch n n c"]:
    """The average of pair values ``y`` over all automorphisms: each pair gets the mean over its orbital.

    ``orbitals`` numbers the class of each ordered pair, from 0 to n^2 - 1. Raises ShapeError. Source: specification 03
    §2.5.

    >>> y = torch.arange(4.0).reshape(2, 2, 1)
    >>> orbital_mean(y, orbitals(torch.tensor([[1, 0]])))[..., 0].tolist()
    [[1.5, 1.5], [1.5, 1.5]]
    """
    if y.shape[:-1] != orbitals.shape:
        raise ShapeError(f"orbitals of shape {tuple(orbitals.shape)}", f"{tuple(y.shape[:-1])}, one for each pair")
    return orbit_mean(y.flatten(-3, -2), orbitals.flatten(-2)).reshape(y.shape)


def orbitals(automorphisms: Int[Tensor, "k n"]) -> Int[Tensor, "n n"]:
    """The number of the orbit of each ordered pair under the group that k permutations generate.

    >>> orbitals(torch.tensor([[1, 2, 0]])).tolist()
    [[0, 1, 2], [2, 0, 1], [1, 2, 0]]
    """
    n = automorphisms.shape[-1]
    place = np.arange(n * n).reshape(n, n)
    source, image = [place[0, :0]], [place[0, :0]]
    for g in automorphisms.cpu().numpy():
        # A pair that stays joins nothing: generators that move few vertices cost little.
        stays = g == np.arange(n)
        moved = ~(stays[:, None] & stays)
        source.append(place[moved])
        image.append(place[g][:, g][moved])
    ends = np.concatenate(source), np.concatenate(image)
    links = scipy.sparse.coo_array((np.ones(len(ends[0]), bool), ends), shape=(n * n, n * n))
    return torch.from_numpy(
        scipy.sparse.csgraph.connected_components(links, directed=False)[1].astype(np.int64).reshape(n, n)
    )
