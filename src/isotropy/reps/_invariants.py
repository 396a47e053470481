"""What a group leaves fixed in a tensor product: ``rho(g) v = v``, by the cheapest exact route that applies.

Equivariant maps are a case: W rho_in = rho_out W says that the row-major vec(W) is fixed in out * in.dual.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import AmbiguousRankError, DomainError, InfeasibleError
from isotropy.groups import Group
from isotropy.groups.parts import matrix as whole
from isotropy.linalg import nullspace
from isotropy.reps._acting import factor_derivative, factor_groups, factor_matrix, linear_matrix, scale_rate
from isotropy.reps._action import algebra_matrices, discrete_matrices, is_orthogonal, term_matrix, twisted
from isotropy.reps._cache import Invariants, Kept, cache_key, generators_of, remembered
from isotropy.reps._isotropic import SignedOrder, affordable, isotropic_tensors, signed_orbits, signed_order
from isotropy.reps._rep import Rep, Term

Solved = tuple[Float[Tensor, "size r"], float]

METHODS = ("auto", "degrees", "orbits", "isotropic", "average", "nullspace")
_LARGEST_SYSTEM = 3000
_LARGEST_AVERAGE = 30_000_000
_WORTH_A_FILE = 64  # smaller systems are solved faster than a file is opened


def invariants(term: Term, G: Group, known: Mapping[str, int], method: str = "auto") -> Invariants:
    """The fixed vectors of a term (without a tail) under ``G``.

    Factors of ``G`` on different spaces act on different tensor slots, so what they fix together is the tensor
    product of what each fixes on its own slots.
    """
    shape = [factor.size(known) for factor in term.factors]
    groups = {H.space: H for H in factor_groups(G)}
    order: list[int] = []
    total = Invariants.all(1)
    for space in sorted(term.spaces):
        axes = [i for i, factor in enumerate(term.factors) if factor.space == space]
        own = Term(
            tuple(term.factors[i] for i in axes),
            tuple(s for s in term.sign if s == space),
            tuple((s, power) for s, power in term.scale if s == space),
        )
        size = math.prod(shape[i] for i in axes)
        found = _on_space(own, groups[space], size, method) if space in groups else Invariants.all(size)
        total = _product(total, found) if order else found
        order += axes
    return total if order == sorted(order) else _transposed(total, [shape[i] for i in order], order)


def _product(a: Invariants, b: Invariants) -> Invariants:
    size, dim, gap = a.size * b.size, a.dim * b.dim, min(a.gap, b.gap)
    method = b.method if a.size == 1 else a.method if a.method == b.method else f"{a.method}, {b.method}"
    if a.label is not None and b.label is not None and a.weight is not None and b.weight is not None:
        label = (a.label[:, None] * b.dim + b.label).flatten() if dim else torch.zeros(size, dtype=torch.int64)
        return Invariants(size, dim, gap, method, None, label, (a.weight[:, None] * b.weight).flatten() * bool(dim))
    dense = torch.einsum("ij,kl->ikjl", a.matrix(), b.matrix()).reshape(size, dim)
    return Invariants(size, dim, gap, method, dense)


def _transposed(found: Invariants, shape: list[int], order: list[int]) -> Invariants:
    place = torch.arange(found.size).reshape(shape)
    place = place.permute([order.index(i) for i in range(len(order))]).reshape(-1)
    if found.label is not None and found.weight is not None:
        return replace(found, label=found.label[place], weight=found.weight[place])
    return replace(found, dense=found.matrix()[place])


def _on_space(term: Term, H: Group, size: int, method: str) -> Invariants:
    plain = tuple(replace(factor, dual=False) if factor.dual else factor for factor in term.factors)
    if plain != term.factors and is_orthogonal(Rep.of(*(Term((factor,)) for factor in dict.fromkeys(plain))), H):
        # rho(g^-1)^T = rho(g): maps between ranks p and q are the invariants of rank p + q, solved once.
        term = replace(term, factors=plain)
    return _solved(term, H, size, method)


@lru_cache(maxsize=4096)
def _solved(term: Term, H: Group, size: int, method: str) -> Invariants:
    space = H.space
    known = {space: H.degree, f"Adjoint on {space}": H.dim}
    if method == "nullspace":
        return _kept(term, H, "nullspace", size, lambda: _nullspace(term, H, known, size))
    discrete, algebra = list(whole(H.discrete)), list(whole(H.algebra.basis).double())
    rates = [_rate(term, H, A) for A in algebra]
    if any(rate is not None and abs(rate) > 1e-9 for rate in rates):
        return _asked(Invariants.none(size, "degrees"), method)
    algebra = [A for A, rate in zip(algebra, rates, strict=True) if rate is None]
    orders = [signed_order(term, H, h.double() if h.is_floating_point() else h, known) for h in discrete]
    found = [order for order in orders if order is not None]
    if not algebra and not discrete and method in ("auto", "degrees"):
        return Invariants.all(size)
    if not algebra and len(found) == len(discrete):
        return _asked(Invariants.of_orbits(*signed_orbits(found, size), "orbits"), method)
    isotropic = _isotropic(term, H, algebra)
    if isotropic is not None and method in ("auto", "isotropic"):
        return isotropic
    cheap = H.finite and H.order is not None and H.order * size * size <= _LARGEST_AVERAGE
    if method in ("auto", "average") and cheap:
        return _kept(term, H, "average", size, lambda: _average(term, H, known, size))
    if method != "auto":
        raise DomainError(f"method {method!r} for {H} on {Rep.of(term)}", "a route that applies", 'use method="auto"')
    return _kept(term, H, "auto: nullspace", size, lambda: _reduced(term, H, algebra, discrete, found, orders, size))


def _kept(term: Term, H: Group, method: str, size: int, solve: Callable[[], Solved]) -> Invariants:
    """Through the disk where solving takes longer than opening a file."""
    basis, gap = solve() if size < _WORTH_A_FILE else _from_disk(term, H, method, size, solve)
    return Invariants(size, basis.shape[1], gap, method.removeprefix("auto: "), basis)


def _from_disk(term: Term, H: Group, method: str, size: int, solve: Callable[[], Solved]) -> Solved:
    def solved() -> Kept:
        basis, gap = solve()
        return {"basis": basis}, repr(gap)

    words, tensors = generators_of([H])
    key = cache_key([repr(term), method, *words], tensors)
    kept, gap = remembered(key, solved, lambda found: len(found[0]["basis"]) == size)
    return kept["basis"], float(gap)


def _asked(found: Invariants, method: str) -> Invariants:
    if method not in ("auto", found.method):
        raise DomainError(f"method {method!r}", f"{found.method!r}, which applies here", 'use method="auto"')
    return found


def _rate(term: Term, H: Group, A: Tensor) -> float | None:
    """The c with drho(A) = c I, or None where A mixes the entries."""
    rate = sum(float(power) for _, power in term.scale) * float(scale_rate(H, A))
    for factor in term.factors:
        matrix = factor_derivative(factor, H, A)
        one = torch.eye(len(matrix), dtype=matrix.dtype)
        if not torch.equal(matrix, matrix[0, 0] * one):
            return None
        rate += float(matrix[0, 0])
    return rate


def _isotropic(term: Term, H: Group, algebra: list[Tensor]) -> Invariants | None:
    """By the theorem on isotropic tensors, where the generators are those of SO(n) or O(n) and all factors Vectors."""
    n, rank = H.degree, len(term.factors)
    if n < 2 or any(factor.kind != "Vector" for factor in term.factors) or not algebra:
        return None
    turns = torch.stack([A[:n, :n] for A in algebra])
    flips = [linear_matrix(H, h.double(), torch.float64) for h in whole(H.discrete)]
    one = torch.eye(n, dtype=torch.float64)
    defects = [turns + turns.mT, *(flip @ flip.mT - one for flip in flips)]
    if len(turns) != n * (n - 1) // 2 or max(float(defect.abs().max()) for defect in defects) > 1e-12:
        return None
    reflected = any(float(torch.linalg.det(flip)) < 0 for flip in flips)
    even, odd = (not term.sign, bool(term.sign)) if reflected else (True, True)
    if not affordable(rank, n, even=even, odd=odd):
        return None
    dense, gap = isotropic_tensors(rank, n, even=even, odd=odd)
    return Invariants(len(dense), dense.shape[1], gap, "isotropic", dense)


def _average(term: Term, H: Group, known: Mapping[str, int], size: int) -> Solved:
    """The range of the mean of rho(g): an oblique projector where rho is not orthogonal."""
    elements = whole(H.elements(dtype=torch.float64))
    mean = torch.zeros(size, size, dtype=torch.float64)
    for g in elements:
        mean += term_matrix(term, {H.space: (H, g)}, known, torch.float64) / len(elements)
    left, values, _ = torch.linalg.svd(mean)
    # A projector has singular values 0 and at least 1.
    dim = int((values > 0.5).sum())
    largest = max(float(values[dim]) if dim < size else 0.0, torch.finfo(torch.float64).eps)
    gap = 1.0 / largest
    if gap < 1e6 or round(float(mean.trace())) != dim:
        raise AmbiguousRankError(f"a group average of trace {float(mean.trace()):.3g}", f"a projector of rank {dim}")
    return left[:, :dim].contiguous(), gap


def _nullspace(term: Term, H: Group, known: dict[str, int], size: int) -> Solved:
    """All generator equations stacked (specification 01 §2.1), without any shortcut."""
    _afford(term, H, size)
    one = torch.eye(size, dtype=torch.float64)
    rows = [matrix - one for matrix in discrete_matrices(term, H, known)] + algebra_matrices(term, H, known)
    found = nullspace(rows or torch.zeros(0, size, dtype=torch.float64))
    return found.basis, found.gap


def _afford(term: Term, H: Group, size: int) -> None:
    if size > _LARGEST_SYSTEM:
        raise InfeasibleError(
            f"{size} unknowns for the invariants of {Rep.of(term)} under {H}",
            f"at most {_LARGEST_SYSTEM}",
            "use smaller ranks, or a group with an analytic route (permutations, SO(n), O(n), Scale(n))",
        )


def _reduced(
    term: Term,
    H: Group,
    algebra: list[Tensor],
    discrete: list[Tensor],
    found: list[SignedOrder],
    orders: list[SignedOrder | None],
    size: int,
) -> Solved:
    """Signed permutations first, which cost nothing; the remaining equations on what they leave."""
    start = Invariants.of_orbits(*signed_orbits(found, size), "orbits") if found else Invariants.all(size)
    _afford(term, H, start.dim)
    Q = start.matrix()
    if not start.dim:
        return Q, start.gap
    rows: list[Tensor] = []
    for h in (h.double() for h, order in zip(discrete, orders, strict=True) if order is None):
        moved = _applied([factor_matrix(f, H, h, torch.float64) for f in term.factors], Q)
        rows.append(twisted(term, {H.space: (H, h)}, moved) - Q)
    for A in algebra:
        total = sum(float(power) for _, power in term.scale) * float(scale_rate(H, A)) * Q
        pieces = [factor_derivative(factor, H, A) for factor in term.factors]
        for i, piece in enumerate(pieces):
            total = total + _applied([piece if j == i else None for j in range(len(pieces))], Q, pieces)
        rows.append(total)
    solved = nullspace(rows)
    return Q @ solved.basis, solved.gap


def _applied(
    matrices: list[Tensor] | list[Tensor | None], Q: Float[Tensor, "size r"], like: list[Tensor] | None = None
) -> Float[Tensor, "size r"]:
    """The Kronecker product of the matrices (None: the identity, sized as in ``like``) on each column."""
    before, moved = 1, Q
    for i, matrix in enumerate(matrices):
        k = len(matrix) if matrix is not None else len((like or [])[i])
        if matrix is not None:
            moved = torch.einsum("kl,blr->bkr", matrix, moved.reshape(before, k, -1)).reshape(Q.shape)
        before *= k
    return moved
