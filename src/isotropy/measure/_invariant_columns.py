"""What a group cannot change in a row, as columns: inner products of its vectors, and their oriented volumes.

The connected component leaves all of them alone; mirror images flip the volumes (pseudo-invariants), which is how rows
of one handedness are told from their mirror images.
"""

from __future__ import annotations

from itertools import combinations, islice

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.groups import Group
from isotropy.groups.parts import matrix
from isotropy.linalg import nullspace
from isotropy.reps import Rep

_VECTORS = 6  # of each space: their products say what there is to say, and those of all would be too many
_VOLUMES = 20


def invariant_columns(x: Float[Tensor, "n p"], rep: Rep, G: Group) -> Float[Tensor, "n k"]:
    """Products and volumes of the vectors of each row, on every space on which ``G`` acts by matrices.

    Vectors are those of the types, differences of Points from their mean, tensors of rank two applied to the first of
    them, and the directions that G itself distinguishes. Products are those of the metric that G keeps (Minkowski's for
    Lorentz groups).

    >>> from isotropy.groups import O
    >>> from isotropy.reps import Vector
    >>> x = torch.eye(3, dtype=torch.float64).reshape(1, 9)
    >>> invariant_columns(torch.cat([x, -x]), 3 * Vector, O(3))[:, -1].tolist()
    [1.0, -1.0]
    """
    found = [x.new_zeros(len(x), 0)]
    for space in G.spaces:
        factor = G.factor(space)
        if factor is not None and space != "nodes" and matrix(factor.identity(dtype=torch.float64)).is_floating_point():
            found.append(_on_space(x, rep, G, factor, space))
    return torch.cat(found, 1)


def _on_space(x: Tensor, rep: Rep, G: Group, factor: Group, space: str) -> Float[Tensor, "n k"]:
    d = factor.degree
    vectors, tensors = _vectors(x, rep, G, space)
    kept = vectors[:, :_VECTORS]
    for A in tensors[:, :2].unbind(1):
        kept = torch.cat([kept, torch.einsum("nij,nvj->nvi", A, kept[:, :1])], 1)
    pool = torch.cat([kept, _fixed(factor).to(x).expand(len(x), -1, -1)], 1)
    metric: Tensor = getattr(factor, "metric", torch.eye(d, dtype=x.dtype)).to(x)
    m = pool.shape[1]
    products = torch.einsum("nvi,ij,nwj->nvw", pool, metric, pool)[:, *torch.triu_indices(m, m)]
    some = torch.tensor(list(islice(combinations(range(m), d), _VOLUMES)), dtype=torch.int64).reshape(-1, d)
    own = [torch.stack([A.diagonal(dim1=-2, dim2=-1).sum(-1), A.square().sum((-2, -1)), torch.linalg.det(A)], 1)
           for A in tensors[:, :2].unbind(1)]  # fmt: skip
    return torch.cat([*own, products, _volumes(pool[:, some])], 1)


def _volumes(vectors: Float[Tensor, "n k d d"]) -> Float[Tensor, "n k"]:
    """The determinants of d vectors each."""
    if vectors.shape[-1] == 3:  # several times faster than a factorisation of each
        first, second, third = vectors.unbind(2)
        return (torch.linalg.cross(first, second) * third).sum(-1)
    return torch.linalg.det(vectors)


def _vectors(x: Tensor, rep: Rep, G: Group, space: str) -> tuple[Float[Tensor, "n v d"], Float[Tensor, "n t d d"]]:
    """The vectors and the tensors of rank two that each row holds on a space."""
    factor = G.factor(space)
    assert factor is not None
    d = factor.degree
    vectors, points, tensors = [x.new_zeros(len(x), 0, d)], [x.new_zeros(len(x), 0, d)], [x.new_zeros(len(x), 0, d, d)]
    for part, values in zip(rep.parts(), rep.split(x, G), strict=True):
        kinds = [f.kind for f in part.term.factors if f.space == space]
        if part.term.tail is not None or len(kinds) != len(part.term.factors):
            continue
        if kinds == ["Vector"]:
            vectors.append(values)
        elif kinds == ["Point"]:
            points.append(values)
        elif kinds == ["Vector", "Vector"]:
            tensors.append(values.unflatten(-1, (d, d)))
    places = torch.cat(points, 1)
    if places.shape[1] > 1:
        vectors.append(places[:, :-1] - places.mean(1, keepdim=True))
    elif not factor.affine:
        vectors.append(places)
    return torch.cat(vectors, 1), torch.cat(tensors, 1)


def _fixed(factor: Group) -> Float[Tensor, "f d"]:
    """Directions that the connected component leaves alone (of a finite group: all of it)."""
    d = factor.degree
    basis = matrix(factor.algebra.basis)[..., :d, :d].double()
    if not factor.dim:
        elements = matrix(factor.discrete)[..., :d, :d].double()
        basis = elements - torch.eye(d, dtype=torch.float64)
    if not len(basis):
        return torch.zeros(0, d, dtype=torch.float64)
    return nullspace(basis.flatten(0, 1)).basis.mT
