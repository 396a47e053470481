"""The action of a group on a feature vector: cheaply on rows, as a matrix, and its derivative.

Under the generators of a group it says whether anything moves, and whether lengths are kept.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from isotropy.errors import DomainError, DtypeError, ShapeError, counted
from isotropy.groups import Element, Group
from isotropy.groups.parts import matrix as whole
from isotropy.reps._acting import (
    Acting,
    acting,
    batch_shape,
    factor_derivative,
    factor_groups,
    factor_matrix,
    is_order,
    linear_matrix,
    orientation,
    pixel_order,
    scale,
    scale_rate,
    translation_part,
)
from isotropy.reps._factor import HARMONIC
from isotropy.reps._layout import blocks, columns, dimension, factors_of, feature_axes, sizes, term_dimension
from isotropy.reps._rep import Factor, Rep, Term
from isotropy.reps._wigner import check_turns, degree_matrices

_EXACT = 1e-10
_ALIKE = 1e-4  # rounding of a row of a permutation matrix in single precision, and far below what mixes copies


def act(
    rep: Rep, G: Group, g: Element, x: Shaped[Tensor, "... n"], dims: Mapping[str, int] | None = None
) -> Float[Tensor, "... n"]:
    """Factor by factor along the axes of each tensor; no matrix larger than a factor's is formed."""
    if feature_axes(rep, sizes(rep, G, dims), x.shape) == 2:
        return act(rep, G, g, x.flatten(-2), dims).unflatten(-1, x.shape[-2:])
    known, moving = sizes(rep, G, dims, x.shape[-1]), acting(G, g)
    _check(rep, known, moving, x)
    batch = torch.broadcast_shapes(x.shape[:-1], *(batch_shape(part) for _, part in moving.values()))
    if any(part.term.tail for part in rep.copies):
        found = blocks(rep, known)
        order = torch.cat([where.flatten() for where in found.values()]).to(x.device)
        pieces = [_moved(term, moving, x[..., where.to(x.device)], known) for term, where in found.items()]
        return _joined(pieces, batch)[..., order.argsort()]
    pieces: list[Tensor] = []
    for part, where in zip(rep.copies, columns(rep, known), strict=True):
        copies = x[..., where].unflatten(-1, (part.multiplicity, -1))
        pieces.append(_moved(part.term, moving, copies, known))
    return _joined(pieces, batch) if pieces else x.expand(*batch, 0)


def _check(rep: Rep, known: Mapping[str, int], moving: Acting, x: Tensor) -> None:
    if not x.is_floating_point():
        raise DtypeError(f"dtype {x.dtype}", "float32 or float64", "cast the columns first")
    for group, part in moving.values():
        if not is_order(part) and part.dtype != x.dtype:
            raise DtypeError(
                f"{part.dtype} elements of {group} on {x.dtype} rows",
                "one dtype",
                "pass dtype=x.dtype",
            )
    _check_copies(rep, moving)
    n = dimension(rep, known)
    if x.shape[-1] != n:
        raise ShapeError(counted(x.shape[-1], "column"), f"{n} for {rep}", "check the type, or the group's dimension")


def _check_copies(rep: Rep, moving: Acting) -> None:
    """Raise DomainError where copies of a Point are mixed by more than permutations, and all translated.

    A shift moves every copy alike; what acts on the copies must leave "alike" alone, or the two do not make a group.
    """
    for term in {part.term for part in rep.copies if part.term.affine and len(part.term.factors) > 1}:
        if term.place not in moving or translation_part(*moving[term.place]) is None:
            continue
        for group, part in (moving[f.space] for f in term.factors if f.space != term.place and f.space in moving):
            if not is_order(part) and float((part.sum(-1) - 1).abs().max()) > _ALIKE:
                raise DomainError(f"{group} on the copies of {Rep.of(term)}, which are translated", "permutations")


def _joined(pieces: list[Tensor], batch: torch.Size) -> Tensor:
    return torch.cat([piece.flatten(-2).expand(*batch, -1) for piece in pieces], dim=-1)


def _moved(term: Term, moving: Acting, copies: Tensor, known: Mapping[str, int]) -> Float[Tensor, "... copies d"]:
    """One term, ``copies (..., C, d)``: each factor along its own axis, then the twist."""
    shape, inner = copies.shape[-2:], copies.shape[-1]
    for factor in term.factors:
        k = factor.size(known)
        inner //= k
        if factor.space in moving:
            axes = copies.reshape(*copies.shape[:-2], -1, k, inner)
            copies = _along(factor, *moving[factor.space], axes)
            copies = copies.reshape(*copies.shape[:-3], *shape)
    return twisted(term, moving, copies)


def twisted(term: Term, moving: Acting, x: Tensor) -> Float[Tensor, "... m n"]:
    """``x (..., m, n)`` times the signs and the scales of a term, without its factors."""
    for space in term.sign:
        if space in moving:
            x = x * orientation(*moving[space], x.dtype)[..., None, None]
    for space, power in term.scale:
        if space in moving:
            x = x * (scale(*moving[space], x.dtype) ** float(power))[..., None, None]
    return x


def _along(factor: Factor, G: Group, g: Tensor, axes: Tensor) -> Float[Tensor, "... outer k inner"]:
    if factor.kind in HARMONIC:
        matrices = degree_matrices(factor, G, linear_matrix(G, g, axes.dtype))
        pieces = axes.split([matrix.shape[-1] for matrix in matrices], dim=-2)
        return torch.cat([_times(matrix, piece) for matrix, piece in zip(matrices, pieces, strict=True)], dim=-2)
    if factor.kind == "Pixels":
        return _reordered(axes, pixel_order(factor, G, g))
    if is_order(g) and factor.kind in ("Vector", "Point"):
        return _reordered(axes, g.argsort(-1))
    if factor.kind == "Point":
        moved = _times(linear_matrix(G, g, axes.dtype), axes)
        shift = translation_part(G, g)
        return moved if shift is None else moved + shift[..., None, :, None]
    return _times(factor_matrix(factor, G, g, axes.dtype), axes)


def _times(matrix: Float[Tensor, "... k k"], axes: Float[Tensor, "... outer k inner"]) -> Tensor:
    if axes.shape[-1] == 1:  # rows times a matrix: one product for all copies
        return (axes[..., 0] @ matrix.mT)[..., None]
    return matrix[..., None, :, :] @ axes


def _reordered(axes: Float[Tensor, "... outer k inner"], order: Int[Tensor, "... k"]) -> Tensor:
    index = order[..., None, :, None]
    dims = max(axes.ndim, index.ndim)
    padded = [t.reshape(*[1] * (dims - t.ndim), *t.shape) for t in (axes, index)]
    return torch.take_along_dim(*padded, dim=-2)


def rho(rep: Rep, G: Group, g: Element, dims: Mapping[str, int] | None = None) -> Float[Tensor, "... n n"]:
    """Kronecker products of the factors' matrices, on the diagonal."""
    known, moving = sizes(rep, G, dims), acting(G, g)
    dtype = next((part.dtype for _, part in moving.values() if not is_order(part)), torch.float64)
    return rep_matrix(rep, moving, known, dtype)


def rep_matrix(rep: Rep, moving: Acting, known: Mapping[str, int], dtype: torch.dtype) -> Float[Tensor, "... n n"]:
    batch = torch.broadcast_shapes(*(batch_shape(part) for _, part in moving.values()))
    device = next((part.device for _, part in moving.values()), torch.device("cpu"))
    n = dimension(rep, known)
    empty = torch.zeros(*batch, n, n, dtype=dtype, device=device)
    return _filled(empty, rep, known, lambda term: term_matrix(term, moving, known, dtype))


def _filled(
    matrix: Float[Tensor, "... n n"], rep: Rep, known: Mapping[str, int], of: Callable[[Term], Tensor]
) -> Float[Tensor, "... n n"]:
    """``matrix`` with the matrix of each copy of each term on its diagonal."""
    for part, where in zip(rep.copies, columns(rep, known), strict=True):
        block = of(part.term)
        d = block.shape[-1]
        for start in range(where.start, where.stop, d or 1):
            matrix[..., start : start + d, start : start + d] = block
    return matrix


def term_matrix(term: Term, moving: Acting, known: Mapping[str, int], dtype: torch.dtype) -> Float[Tensor, "... d d"]:
    matrices = [_factor_matrix(factor, moving, known, dtype) for factor in term.factors]
    if term.tail is not None:
        matrices.append(rep_matrix(term.tail, moving, known, dtype))
    device = next((part.device for _, part in moving.values()), torch.device("cpu"))
    product = torch.ones(1, 1, dtype=dtype, device=device)
    for matrix in matrices:
        product = kron(product, matrix)
    return twisted(term, moving, product)


def _factor_matrix(factor: Factor, moving: Acting, known: Mapping[str, int], dtype: torch.dtype) -> Tensor:
    if factor.space not in moving:
        device = next((part.device for _, part in moving.values()), torch.device("cpu"))
        return torch.eye(factor.size(known), dtype=dtype, device=device)
    return factor_matrix(factor, *moving[factor.space], dtype)


def kron(a: Float[Tensor, "... m m"], b: Float[Tensor, "... n n"]) -> Float[Tensor, "... mn mn"]:
    """Batched Kronecker product, ``a`` outer."""
    product = a[..., :, None, :, None] * b[..., None, :, None, :]
    size = a.shape[-1] * b.shape[-1]
    return product.reshape(*product.shape[:-4], size, size)


def drho(rep: Rep, G: Group, A: Element, dims: Mapping[str, int] | None = None) -> Float[Tensor, "... n n"]:
    """Kronecker sums of the factors' matrices, on the diagonal (specification 01 §2.1)."""
    known, moving = sizes(rep, G, dims), acting(G, A)
    return rep_derivative(rep, moving, known)


def rep_derivative(rep: Rep, moving: Acting, known: Mapping[str, int]) -> Float[Tensor, "... n n"]:
    batch = torch.broadcast_shapes(*(part.shape[:-2] for _, part in moving.values()))
    like = next(part for _, part in moving.values())
    n = dimension(rep, known)
    return _filled(like.new_zeros(*batch, n, n), rep, known, lambda term: term_derivative(term, moving, known))


def term_derivative(term: Term, moving: Acting, known: Mapping[str, int]) -> Float[Tensor, "... d d"]:
    like = next(part for _, part in moving.values())
    pieces = [
        factor_derivative(factor, *moving[factor.space])
        if factor.space in moving
        else like.new_zeros(factor.size(known), factor.size(known))
        for factor in term.factors
    ]
    if term.tail is not None:
        pieces.append(rep_derivative(term.tail, moving, known))
    total = like.new_zeros(1, 1)
    for piece in pieces:
        one = torch.eye(total.shape[-1], dtype=total.dtype, device=total.device)
        other = torch.eye(piece.shape[-1], dtype=piece.dtype, device=piece.device)
        total = kron(total, other) + kron(one, piece)
    for space, power in term.scale:
        if space in moving:
            one = torch.eye(term_dimension(term, known), dtype=like.dtype, device=like.device)
            total = total + float(power) * scale_rate(*moving[space])[..., None, None] * one
    return total


def discrete_matrices(term: Term, G: Group, known: dict[str, int]) -> list[Float[Tensor, "d d"]]:
    """rho of the discrete generators of each factor of ``G``, the other factors at rest."""
    found: list[Tensor] = []
    for H in factor_groups(G):
        if H.space in term.spaces:
            found += [term_matrix(term, {H.space: (H, h)}, known, torch.float64) for h in _float64(whole(H.discrete))]
    return found


def algebra_matrices(term: Term, G: Group, known: dict[str, int]) -> list[Float[Tensor, "d d"]]:
    """drho of the Lie-algebra basis of each factor of ``G``."""
    found: list[Tensor] = []
    for H in factor_groups(G):
        if H.space in term.spaces and H.dim:
            found += [term_derivative(term, {H.space: (H, A)}, known) for A in _float64(whole(H.algebra.basis))]
    return found


def _float64(g: Tensor) -> Tensor:
    return g.detach().to("cpu", torch.float64) if g.is_floating_point() else g.to("cpu")


def linear_part(rep: Rep) -> Rep:
    """``rep`` with its Points read as Vectors, differences from a point of reference.

    >>> from isotropy.reps import Point, Scalar
    >>> print(linear_part(Scalar + 3 * Point))
    Scalar + 3*Vector
    """

    def linear(term: Term) -> Term:
        return term.with_points("Vector")

    return rep.each(linear)


def check_harmonic(rep: Rep, G: Group) -> None:
    """Raise DomainError where ``G`` acts on the space of an Irrep or a Sphere by more than turns and stretches."""
    for factor in factors_of(rep):
        H = G.factor(factor.space)
        if factor.kind in HARMONIC and H is not None:
            check_turns(H)


def translates(G: Group, space: str) -> bool:
    """Whether ``G`` moves the origin of a space: its elements are homogeneous matrices there.

    >>> from isotropy.groups import parse
    >>> translates(parse("SE(3)"), "space"), translates(parse("SO(3)"), "space")
    (True, False)
    """
    acting = G.factor(space)
    return acting is not None and acting.affine


def refuse_rates(rep: Rep, G: Group) -> None:
    """Raise DomainError where ``G`` would move Pixels continuously: they jump."""
    for factor in factors_of(rep):
        H = G.factor(factor.space)
        if factor.kind == "Pixels" and H is not None and H.dim:
            raise DomainError(f"a continuous motion of {rep} by {H}", "a finite group such as D(4)")


def _at_rest(rep: Rep, G: Group) -> dict[str, int]:
    """Dimensions for questions that do not depend on those of the spaces on which nothing acts."""
    known = dict.fromkeys(rep.spaces, 1) | {f"Adjoint on {space}": 1 for space in rep.spaces}
    return known | sizes(Rep(), G)


@lru_cache(maxsize=1024)
def is_trivial(rep: Rep, G: Group) -> bool:
    if any(translates(G, part.term.place) for part in rep.copies if part.term.affine):
        return False
    linear = linear_part(rep)
    known = _at_rest(linear, G)
    for term in {part.term for part in linear.copies}:
        still = [matrix - torch.eye(len(matrix), dtype=matrix.dtype) for matrix in discrete_matrices(term, G, known)]
        if any(float(move.abs().max()) > _EXACT for move in still + algebra_matrices(term, G, known)):
            return False
    return True


@lru_cache(maxsize=1024)
def is_orthogonal(rep: Rep, G: Group) -> bool:
    linear = linear_part(rep)
    known = _at_rest(linear, G)
    for term in {part.term for part in linear.copies}:
        turns = discrete_matrices(term, G, known)
        defects = [turn.mT @ turn - torch.eye(len(turn), dtype=turn.dtype) for turn in turns]
        defects += [move + move.mT for move in algebra_matrices(term, G, known)]
        if any(float(defect.abs().max()) > _EXACT for defect in defects):
            return False
    return True
