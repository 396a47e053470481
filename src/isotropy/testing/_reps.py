"""The laws of a representation, for our types and for yours (CORE §3)."""

import torch
from torch import Tensor
from torch.utils import _pytree as tree

from isotropy.errors import DomainError
from isotropy.groups import Element, Group, parse
from isotropy.random import spawn
from isotropy.reps import Rep, parse_rep

_STEP = 1e-5


def check_rep(
    rep: Rep | str,
    G: Group | str,
    *,
    dims: dict[str, int] | None = None,
    within: float | None = None,
    n: int = 4,
    tol: float = 1e-10,
    seed: int = 0,
) -> None:
    """Fail unless ``rep`` is a representation of ``G``: all laws on ``n`` random pairs of elements, in float64.

    act(gh) = act(g) act(h), act(e) = 1, and act(g^-1) undoes act(g); act broadcasts and keeps float32; split and pack
    are inverse; the text is read back; and where the type is linear under ``G``, rho(gh) = rho(g) rho(h), act = rho x,
    drho is the derivative of rho(exp tA), the dual is rho(g^-1)^T, and ``orthogonal`` tells the truth. ``within`` is
    the width of the window on a group that is not compact (0.3 by default).

    Raises AssertionError naming the law and by how much it is broken.

    >>> from isotropy.reps import Scalar, Vector
    >>> check_rep(2 * Scalar + Vector * Vector.dual, "SO(3)")
    """
    rep, group = parse_rep(rep), parse(G)
    generator = spawn(seed, "check_rep", str(rep), str(group))
    width = within if within is not None else (None if group.compact else 0.3)
    g = group.sample((n,), generator=generator, dtype=torch.float64, within=width)
    h = group.sample((n,), generator=generator, dtype=torch.float64, within=width)
    size = rep.dim(group, dims)
    x = torch.randn(n, size, generator=generator, dtype=torch.float64)

    def act(g: Element, x: Tensor) -> Tensor:
        return rep.act(group, g, x, dims)

    _same(f"{rep}: act(gh) = act(g) act(h)", act(group.compose(g, h), x), act(g, act(h, x)), tol)
    _same(f"{rep}: act(e) = 1", act(group.identity(dtype=torch.float64), x), x, tol)
    _same(f"{rep}: act(g^-1) undoes act(g)", act(group.inverse(g), act(g, x)), x, tol)
    pairs = act(tree.tree_map(lambda part: part[:, None], g), x[None])
    one_by_one = torch.stack([act(tree.tree_map(lambda part, i=i: part[i], g), x) for i in range(n)])
    _same(f"{rep}: act broadcasts", pairs, one_by_one, tol)
    single = rep.act(
        group, tree.tree_map(lambda part: part.float() if part.is_floating_point() else part, g), x.float(), dims
    )
    assert single.dtype == torch.float32, f"{rep}: act of float32 gives {single.dtype}"
    known = {**(dims or {}), **{space: group.factor(space).degree for space in group.spaces}}  # type: ignore[union-attr]
    if "Adjoint" not in str(rep) and rep.parts():
        assert torch.equal(rep.pack(rep.split(x, known)), x), f"{rep}: pack(split(x)) differs from x"
    read = parse_rep(str(rep))
    assert read.parts() == rep.parts(), f"{rep}: its text is read back as {read}"
    try:
        matrices = rep.rho(group, g, dims)
    except DomainError:
        assert any(part.term.affine for part in rep.parts()), f"{rep}: rho refuses a linear type"
        return
    _check_linear(rep, group, dims, g, h, x, matrices, tol)
    if group.dim:
        v = torch.randn(group.dim, generator=generator, dtype=torch.float64)
        _check_derivative(rep, group, dims, group.algebra.hat(v))


def _check_linear(
    rep: Rep,
    group: Group,
    dims: dict[str, int] | None,
    g: Element,
    h: Element,
    x: Tensor,
    matrices: Tensor,
    tol: float,
) -> None:
    product = rep.rho(group, group.compose(g, h), dims)
    _same(f"{rep}: rho(gh) = rho(g) rho(h)", product, matrices @ rep.rho(group, h, dims), tol)
    one = torch.eye(x.shape[-1], dtype=torch.float64)
    _same(f"{rep}: rho(e) = 1", rep.rho(group, group.identity(dtype=torch.float64), dims), one, tol)
    _same(f"{rep}: act = rho x", rep.act(group, g, x, dims), (matrices @ x[..., None])[..., 0], tol)
    if not any(part.term.affine for part in rep.parts()):
        inverse = rep.rho(group, group.inverse(g), dims)
        _same(f"{rep}: the dual is rho(g^-1)^T", rep.dual.rho(group, g, dims), inverse.mT, tol)
    if rep.orthogonal(group):
        _same(f"{rep}: orthogonal", matrices.mT @ matrices, one.expand_as(matrices), tol)
    if rep.is_trivial(group):
        _same(f"{rep}: trivial", matrices, one.expand_as(matrices), tol)


def _check_derivative(rep: Rep, group: Group, dims: dict[str, int] | None, A: Element) -> None:
    def along(t: float) -> Tensor:
        return rep.rho(group, group.exp(tree.tree_map(lambda part: t * part, A)), dims)

    # Richardson's step leaves an error of order step^4.
    near, far = along(_STEP) - along(-_STEP), along(2 * _STEP) - along(-2 * _STEP)
    _same(f"{rep}: drho = d rho(exp tA)", (8 * near - far) / (12 * _STEP), rep.drho(group, A, dims), 1e-7)


def _same(law: str, found: Tensor, expected: Tensor, tol: float) -> None:
    size = max(1.0, float(expected.abs().max()) if expected.numel() else 1.0)
    error = float((found - expected).abs().max()) / size if expected.numel() else 0.0
    assert error <= tol, f"{law} is broken by {error:.2g} (tolerance {tol:.0e})"
