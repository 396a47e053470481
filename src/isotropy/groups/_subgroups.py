"""Which group contains which, decided on generators; and the elements that fix given vectors."""

from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DomainError, ShapeError
from isotropy.groups._affine import homogeneous, linear, translation
from isotropy.groups._general_linear import GLPlus
from isotropy.groups._group import Group
from isotropy.groups._linear import LinearGroup, close, matrix
from isotropy.groups._matrix import MatrixGroup
from isotropy.groups._permutation_group import fixing
from isotropy.groups._permutations import Permutations
from isotropy.groups._placed import Conjugate, Placed, place
from isotropy.groups._power import Power
from isotropy.groups._product import Product
from isotropy.groups._rotations import SO, O
from isotropy.groups._stretches import Lorentz, Scale


def is_subgroup(H: Group, G: Group, tol: float = 1e-9) -> bool:
    """Whether H is contained in G: its algebra in the span of G's, its discrete generators in G.

    A linear group counts as part of an affine one of the same dimension; a group acts trivially on a space that it
    does not name, and in a power moves all parts alike. Groups on vectors of different dimensions are never contained
    in each other.

    >>> from isotropy.groups import parse
    >>> is_subgroup(parse("O(2)@z"), parse("O(3)")), is_subgroup(parse("O(3)"), parse("SE(3)"))
    (True, False)
    """
    return all(_inside(H.factor(space), G.factor(space), tol) for space in H.spaces)


def _inside(H: Group | None, G: Group | None, tol: float) -> bool:
    if H is None or G is None:
        return H is None or H.order == 1
    if isinstance(G, Power):  # a group is part of its powers by moving all parts alike
        return _inside(H.base, G.base, tol) and H.count == G.count if isinstance(H, Power) else _inside(H, G.base, tol)
    if isinstance(H, Power):
        return H.order == 1 or (H.count == 1 and _inside(H.base, G, tol))
    if H.degree != G.degree:
        return False
    if not isinstance(H, LinearGroup) or not isinstance(G, LinearGroup):
        both = isinstance(H, Permutations) and isinstance(G, Permutations)
        return both and bool(G.contains(H.discrete).all())
    h_basis, h_discrete = matrix(H.algebra.basis), matrix(H.discrete)
    if H.projective and not G.projective:
        return H.dim == 0
    if G.projective and not H.projective:
        h_basis, h_discrete = _projective(h_basis, h_discrete, H.affine)
    elif G.affine and not H.affine:
        h_basis, h_discrete = torch.nn.functional.pad(h_basis, (0, 1, 0, 1)), homogeneous(h_discrete)
    elif H.affine and not G.affine:
        if not (_vanishes(translation(h_basis), tol) and _vanishes(translation(h_discrete), tol)):
            return False
        h_basis, h_discrete = linear(h_basis), linear(h_discrete)
    scale = 1 + float(h_basis.abs().max()) if len(h_basis) else 1.0
    if len(h_basis) and not bool(close(G._on_algebra(h_basis), h_basis, tol * scale).all()):
        return False
    return bool(G.contains(h_discrete, tol * 10).all())


def _projective(basis: Tensor, discrete: Tensor, affine: bool) -> tuple[Tensor, Tensor]:
    """Generators as homogeneous matrices of determinant 1, where there are such: a multiple is the same map."""
    if not affine:
        basis, discrete = torch.nn.functional.pad(basis, (0, 1, 0, 1)), homogeneous(discrete)
    m = basis.shape[-1]
    trace = basis.diagonal(dim1=-2, dim2=-1).sum(-1)[:, None, None]
    det = torch.linalg.det(discrete)[:, None, None]
    root = det.sign() * det.abs() ** (1 / m) if m % 2 else det.abs() ** (1 / m)
    return basis - trace / m * torch.eye(m, dtype=basis.dtype), discrete / root


def _vanishes(x: Tensor, tol: float) -> bool:
    return bool((x.abs() <= tol).all())


def same(G: Group, H: Group) -> bool:
    """Whether two groups have the same elements, however they are written.

    >>> from isotropy.groups import parse
    >>> same(parse("D(1)"), parse("O(1)@x")), parse("D(1)") == parse("O(1)@x")
    (True, False)
    """
    return is_subgroup(G, H) and is_subgroup(H, G)


def is_conjugate(G: Group, H: Group) -> bool:
    """Whether ``H = h G h^-1`` for a rotation h, where that is read off the names: equal, or about different axes.

    False means that no such h was recognised.

    >>> from isotropy.groups import parse
    >>> is_conjugate(parse("O(2)@x"), parse("O(2)@(1,2,2)")), is_conjugate(parse("O(2)@x"), parse("SO(2)@x"))
    (True, False)
    """
    if isinstance(G, Product) and isinstance(H, Product):
        return G.spaces == H.spaces and all(map(is_conjugate, G.factors, H.factors))
    if isinstance(G, Placed) and isinstance(H, Placed):
        return is_conjugate(G.base, H.base)
    return same(G, H)


def lattice(groups: Iterable[Group]) -> list[tuple[Group, Group]]:
    """The covering edges (H, G): H is a proper subgroup of G and no third group of the list lies between them.

    Of groups with the same elements the first stands for all.

    >>> from isotropy.groups import parse_list
    >>> lattice(parse_list("O(3),SO(3),SO(2)@z"))
    [(SO(3), O(3)), (SO(2)@z, SO(3))]
    """
    distinct: list[Group] = []
    for group in groups:
        if not any(same(group, known) for known in distinct):
            distinct.append(group)
    n = len(distinct)
    below = [[i != j and is_subgroup(distinct[i], distinct[j]) for j in range(n)] for i in range(n)]
    return [
        (distinct[i], distinct[j])
        for j in range(n)
        for i in range(n)
        if below[i][j] and not any(below[i][k] and below[k][j] for k in range(n))
    ]


def stabilizer(group: Group, *vectors: Tensor | Sequence[float] | int) -> Group:
    """The subgroup that fixes each of the defining vectors, or of the nodes; without any the group itself.

    Raises ShapeError for vectors of another length, DomainError for the zero vector (it is fixed by everything, so
    asking for it is a slip) and for groups without a rule: products, and groups with translations.

    >>> O(3).stabilizer([0, 0, 1]) == O(2) @ "z"
    True
    >>> from isotropy.groups import S
    >>> S(5).stabilizer(0).order  # S(1) x S(4)
    24
    """
    for v in vectors:
        if isinstance(v, int):
            group = fixing(group, v)
            continue
        group = _fix(group, torch.as_tensor(v, dtype=torch.float64).detach().cpu())
    return group


def _fix(group: Group, v: Float[Tensor, " d"]) -> LinearGroup:
    if not isinstance(group, LinearGroup) or group.affine:
        hint = "matrix groups fix defining vectors; take the linear part of a group with translations"
        raise DomainError(f"the stabilizer of a vector in {group}", "a group of matrices", hint)
    if v.shape != (group.degree,):
        raise ShapeError(f"a vector of shape {tuple(v.shape)}", f"({group.degree},) for {group}", "")
    if not bool(v.isfinite().all()) or not bool(v.any()):
        raise DomainError(f"the vector {v.tolist()}", "a finite vector that is not zero", "")
    if isinstance(group, (SO, O)):
        return SO(1, group.space) if group.n == 1 else place(type(group)(group.n - 1, group.space), v)
    if isinstance(group, Placed):
        inner = (group.frame.mT @ v)[:-1]
        if float(inner.abs().max()) <= 1e-12 * float(v.abs().max()):
            return group
        return Placed(_fix(group.base, inner), group.axis)
    if isinstance(group, Conjugate):
        moved = _fix(group.base, torch.linalg.solve(group.frame, v)).conjugate(group.frame)
        assert isinstance(moved, LinearGroup)
        return moved
    return _by_equations(group, v)


def _by_equations(group: LinearGroup, v: Float[Tensor, " d"]) -> LinearGroup:
    """The stabilizer from its generators: the A with A v = 0, and for finite groups the elements with h v = v."""
    title = f"{group}.stabilizer({v.tolist()})"
    if group.finite:
        elements = matrix(group.elements())
        fixing = elements[((elements @ v - v).abs() <= 1e-9 * v.abs().max()).all(-1)]
        return MatrixGroup(title, discrete=fixing, space=group.space)
    if not isinstance(group, (GLPlus, Scale, Lorentz)):
        raise DomainError(f"the stabilizer of a vector in {group}", "a group with a rule for it", "")
    # These stabilizers are connected for n > 1, so that their algebra generates them.
    basis = matrix(group.algebra.basis)
    _, s, Vh = torch.linalg.svd((basis @ v).T)
    rank = int((s > 1e-10 * s.max().clamp_min(1e-300)).sum())
    kept = torch.tensordot(Vh[rank:], basis, dims=1)
    return MatrixGroup(
        title, algebra=kept, discrete=torch.eye(group.degree, dtype=torch.float64)[None], space=group.space
    )
