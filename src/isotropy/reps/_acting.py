"""What one group element does to one tensor factor: a matrix, or an order of entries.

Pixels, and cells of other grids, are permuted by the symmetries of the square and the cube.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils import _pytree as tree

from isotropy.errors import DomainError, DtypeError, ShapeError, counted
from isotropy.groups import Element, Group, Power, homogeneous, permutation_matrix
from isotropy.reps._factor import HARMONIC, Factor
from isotropy.reps._wigner import degree_matrices, degree_rates

# The factor of the group on each space, with its element (or Lie-algebra element).
Acting = Mapping[str, tuple[Group, Tensor]]

_OFF_GRID = 1e-4  # of a pixel: rounding stays far below it, and a turn that misses the centres far above


def factor_groups(G: Group) -> tuple[Group, ...]:
    """The factors of a product over several spaces, one for each; any other group is its own factor."""
    return tuple(factor for space in G.spaces if (factor := G.factor(space)) is not None)


def acting(G: Group, g: Element) -> dict[str, tuple[Group, Tensor]]:
    """Which factor acts on which space, and with what."""
    factors = factor_groups(G)
    parts = g if isinstance(g, tuple) else (g,)
    if len(parts) != len(factors):
        raise ShapeError(f"an element of {counted(len(parts), 'part')}", f"{len(factors)} for {G}")
    if any(factor.projective for factor in factors):
        hint = "images move as Field(Scalar), points by groups.project(g, x)"
        raise DomainError(
            f"{G} on vectors, which it does not act on linearly", "a group of linear or affine maps", hint
        )
    if any(isinstance(factor, Power) for factor in factors):
        raise DomainError(f"{G} on vectors, which it moves part by part", "the part of each", "Piecewise(type, cells)")
    if any(part.is_complex() for part in parts):
        raise DtypeError(f"complex elements of {G}", "real matrices, or permutations", "no type here is complex")
    return {factor.space: (factor, part) for factor, part in zip(factors, parts, strict=True)}


def spread(g: Element, batch: int, axes: int) -> Element:
    """Elements with ``axes`` further axes behind their first ``batch`` ones."""
    return tree.tree_map(lambda part: part.reshape(*part.shape[:batch], *[1] * axes, *part.shape[batch:]), g)


def is_order(g: Tensor) -> bool:
    """Permutations are integer tensors (..., n); everything else is a matrix (..., d, d)."""
    return not g.is_floating_point()


def batch_shape(g: Tensor) -> torch.Size:
    return g.shape[:-1] if is_order(g) else g.shape[:-2]


def linear_matrix(G: Group, g: Tensor, dtype: torch.dtype) -> Float[Tensor, "... d d"]:
    return permutation_matrix(g, dtype) if is_order(g) else g[..., : G.degree, : G.degree]


def translation_part(G: Group, g: Tensor) -> Float[Tensor, "... d"] | None:
    """The translation of a homogeneous element; None where the group is linear."""
    affine = not is_order(g) and g.shape[-1] == G.degree + 1
    return g[..., : G.degree, G.degree] if affine else None


def factor_matrix(factor: Factor, G: Group, g: Tensor, dtype: torch.dtype) -> Float[Tensor, "... k k"]:
    """The matrix of ``g`` on one factor; of a Point that nothing translates, that of a Vector."""
    if factor.kind == "Pixels":
        return permutation_matrix(pixel_order(factor, G, g).argsort(-1), dtype)
    if factor.kind == "Point" and translation_part(G, g) is not None:
        raise DomainError(f"a matrix for Point under {G}", "a linear type", "use Point.linearised, of dimension d + 1")
    if factor.kind in HARMONIC:
        return block_diagonal(degree_matrices(factor, G, linear_matrix(G, g, dtype)))
    if factor.kind == "Adjoint":
        matrix = G.adjoint(g).to(dtype)
    elif factor.kind == "Linearised":
        matrix = g if translation_part(G, g) is not None else homogeneous(linear_matrix(G, g, dtype))
    else:
        matrix = linear_matrix(G, g, dtype)
    if not factor.dual or is_order(g):
        return matrix
    return torch.linalg.inv(matrix).mT


def block_diagonal(blocks: Sequence[Tensor]) -> Float[Tensor, "... k k"]:
    """Matrices along the diagonal of one, batch by batch."""
    if len(blocks) == 1:
        return blocks[0]
    size, start, rows = sum(block.shape[-1] for block in blocks), 0, []
    for block in blocks:
        k = block.shape[-1]
        rows.append(torch.nn.functional.pad(block, (start, size - start - k)))
        start += k
    return torch.cat(rows, dim=-2)


def factor_derivative(factor: Factor, G: Group, A: Tensor) -> Float[Tensor, "... k k"]:
    """The matrix of a Lie-algebra element on one factor."""
    d = G.degree
    if factor.kind == "Pixels":
        if A.numel() and float(A.detach().abs().amax()) > 0:
            raise DomainError(f"a continuous motion of {factor.kind}{factor.shape}", "a finite group such as D(4)")
        size = factor.size({})
        return A.new_zeros(*A.shape[:-2], size, size)
    if factor.kind == "Point" and A.shape[-1] == d + 1:
        raise DomainError(f"a matrix for Point under {G}", "a linear type", "use Point.linearised, of dimension d + 1")
    if factor.kind in HARMONIC:
        matrix = block_diagonal(degree_rates(factor, G, A[..., :d, :d]))
    elif factor.kind == "Adjoint":
        matrix = G.algebra.ad(G.algebra.vee(A))
    elif factor.kind == "Linearised":
        matrix = A if A.shape[-1] == d + 1 else torch.nn.functional.pad(A, (0, 1, 0, 1))
    else:
        matrix = A[..., :d, :d]
    return -matrix.mT if factor.dual else matrix


def orientation(G: Group, g: Tensor, dtype: torch.dtype) -> Float[Tensor, "..."]:
    """sign(det g): whether g turns the space inside out."""
    return torch.sign(torch.linalg.det(linear_matrix(G, g, dtype)))


def scale(G: Group, g: Tensor, dtype: torch.dtype) -> Float[Tensor, "..."]:
    """|det g|^(1/d): the s of Scale(d), and a character of every linear group."""
    return torch.linalg.det(linear_matrix(G, g, dtype)).abs() ** (1.0 / G.degree)


def scale_rate(G: Group, A: Tensor) -> Float[Tensor, "..."]:
    """The derivative of ``scale`` along a Lie-algebra element: its trace over d."""
    return A[..., : G.degree, : G.degree].diagonal(dim1=-2, dim2=-1).sum(-1) / G.degree


@lru_cache(maxsize=64)
def _grid(sides: tuple[int, ...], hole: int) -> tuple[Float[Tensor, "n k"], Int[Tensor, " *sides"]]:
    """The centres of the cells as (x, y) or (x, y, z), and the number of each cell (-1 in the hole)."""
    steps = torch.meshgrid(*[torch.arange(side) for side in sides], indexing="ij")
    # The last axis is x, to the right; rows count downwards and y points up; z goes with the slices.
    places = [step - (side - 1) / 2 for step, side in zip(steps, sides, strict=True)][::-1]
    places[1] = -places[1]
    centres = torch.stack(places, dim=-1).to(torch.float64)
    kept = centres.abs().amax(-1) > (hole - 1) / 2 if hole else torch.ones(sides, dtype=torch.bool)
    number = torch.full(sides, -1)
    number[kept] = torch.arange(int(kept.sum()))
    return centres[kept], number


def pixel_order(factor: Factor, G: Group, g: Tensor) -> Int[Tensor, "... n"]:
    """The order of the entries of Pixels, as ``cell_order``."""
    height, width, hole = factor.shape
    return cell_order((height, width), G, g, f"Pixels({height}, {width}, hole={hole})", hole)


def cell_order(
    sides: tuple[int, ...], G: Group, g: Float[Tensor, "... d d"], name: str, hole: int = 0
) -> Int[Tensor, "... n"]:
    """For each cell u the cell g^-1 u that its value comes from: ``(g.f)[u] = f[order[u]]``.

    ``sides`` are (height, width) or (depth, height, width). Raises DomainError for a group that does not permute the
    centres of the cells.
    """
    k = len(sides)
    planar = "C(2), C(4), D(4) (square grids), O(1)@x or O(1)@y, or a type other than Pixels"
    hint = f"use {planar if k == 2 else 'a group of signed permutation matrices'}"
    if g.shape[-1] != k or not g.is_floating_point():
        raise DomainError(f"{G} of degree {G.degree} on {name}", f"a group of degree {k}", hint)
    centres, number = _grid(sides, hole)
    each, which = g.detach().to("cpu", torch.float64).reshape(-1, k, k).unique(dim=0, return_inverse=True)
    moved = torch.linalg.solve(each[:, None], centres[..., None])[..., 0]
    moved[..., 1] = -moved[..., 1]
    size = torch.tensor(sides)
    cells = moved.flip(-1) + (size - 1) / 2
    whole = cells.round()
    inside = (whole >= 0) & (whole < size)
    exact = (cells - whole).abs() < _OFF_GRID
    if not bool((inside & exact).all()):
        raise DomainError(f"{G} on {name}", "a group that permutes the pixel centres", hint)
    order = number[whole.long().unbind(-1)]
    if bool((order < 0).any()):
        raise DomainError(f"{G} on {name}", "a group that keeps the hole where it is", hint)
    return order[which].reshape(*g.shape[:-2], -1).to(g.device)
