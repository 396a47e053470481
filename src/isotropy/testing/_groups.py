"""The contract of a group as a test suite: every law that the rest of the library builds on."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.utils import _pytree as tree

from isotropy.errors import DomainError, LogUndefinedError, counted
from isotropy.groups import Cubature, Element, Group, LinearGroup, S, parse, permutation_matrix

_LISTED = 300
"""Finite groups up to this order have all their products checked."""


def check_group(group: Group | str, *, seed: int = 0, draws: int = 4000, tol: float = 1e-12) -> None:
    """Check the contract of a group, in float64 to ``tol`` (times the size of the elements), and its sampler.

    Sampled functions are held to the ``tolerance`` of their group, and groups of infinite dimension to what does not
    need all of their algebra. The laws: printing, neutral element, associativity, left action, inverses, exponential,
    adjoint, logarithm, closure of the algebra, membership, discrete generators, sampling (reproducible, dtype kept, a
    window on groups that are not compact), Haar means unchanged by translation (within 5.5 standard errors of
    ``draws``), coordinates and the Haar density in them, the list of elements, cubature, batches. Raises AssertionError
    naming every law that is broken.

    >>> check_group("SO(3)")
    """
    trial = _Trial(parse(group), seed, draws, tol)
    broken: list[str] = []
    for name, law in _LAWS.items():
        try:
            law(trial)
        # A group that is broken may fail anywhere, with any exception; the suite goes on and names them all.
        except Exception as error:
            broken.append(f"{name}: {error}" if isinstance(error, AssertionError) else f"{name}: {error!r}")
    assert not broken, f"{trial.G.name} breaks {counted(len(broken), 'law')}\n" + "\n".join(broken)


@dataclass(frozen=True)
class _Trial:
    """A group with the random elements that its laws are tried on."""

    G: Group
    seed: int
    draws: int
    tol: float

    def generator(self) -> torch.Generator:
        return torch.Generator().manual_seed(self.seed)

    def sample(self, n: int, generator: torch.Generator, dtype: torch.dtype = torch.float64) -> Element:
        within = None if self.G.compact else 0.4
        return self.G.sample((n,), generator=generator, dtype=dtype, within=within)

    @cached_property
    def three(self) -> tuple[Element, Element, Element]:
        generator = self.generator()
        return self.sample(6, generator), self.sample(6, generator), self.sample(6, generator)

    def vectors(self, scale: float, n: int = 6) -> Tensor:
        return scale * torch.randn(n, self.G.dim, generator=self.generator(), dtype=torch.float64)

    def near(self, a: Element, b: Element, what: str, slack: float = 1.0) -> None:
        for x, y in zip(tree.tree_leaves(a), tree.tree_leaves(b), strict=True):
            size = 1 + float(torch.stack([x.double().abs().amax(), y.double().abs().amax()]).max()) if x.numel() else 1
            distance = float((x - y).double().abs().max()) if x.numel() else 0.0
            assert distance <= max(self.tol, self.G.tolerance) * slack * size**2, f"{what}, off by {distance:.2g}"


def _pick(g: Element, i: int | Tensor | slice) -> Element:
    return tree.tree_map(lambda part: part[i], g)


def _entries(g: Element) -> Tensor:
    """The matrix entries of elements ``(n, *element)`` in rows ``(n, p)``."""
    parts = [part if part.is_floating_point() else permutation_matrix(part) for part in tree.tree_leaves(g)]
    return torch.cat([part.flatten(1) for part in parts], dim=1)


def _features(g: Element) -> Tensor:
    """The matrix entries and their products by pairs (their squares where there are many)."""
    x = _entries(g)
    pairs = (x[:, :, None] * x[:, None, :]).flatten(1) if x.shape[1] <= 16 else x.square()
    return torch.cat([x, pairs], dim=1)


def _printing(t: _Trial) -> None:
    again = parse(str(t.G)) if t.G.written else t.G
    assert again == t.G, f"parse({str(t.G)!r}) is another group"
    assert hash(again) == hash(t.G), "equal groups with different hashes"
    assert len(t.G.generator_names) == t.G.dim, "one name for each generator"


def _neutral(t: _Trial) -> None:
    g, e = t.three[0], t.G.identity(6, dtype=torch.float64)
    t.near(t.G.compose(e, g), g, "e g = g")
    t.near(t.G.compose(g, e), g, "g e = g")
    assert bool(t.G.contains(e).all()), "the neutral element is not contained"


def _associativity(t: _Trial) -> None:
    g, h, k = t.three
    t.near(t.G.compose(t.G.compose(g, h), k), t.G.compose(g, t.G.compose(h, k)), "(g h) k = g (h k)", 10)


def _left_action(t: _Trial) -> None:
    g, h, _ = t.three
    for p, q, pq in zip(tree.tree_leaves(g), tree.tree_leaves(h), tree.tree_leaves(t.G.compose(g, h)), strict=True):
        if not p.is_floating_point():
            t.near(permutation_matrix(pq), permutation_matrix(p) @ permutation_matrix(q), "first h acts, then g")


def _inverses(t: _Trial) -> None:
    g, e = t.three[0], t.G.identity(6, dtype=torch.float64)
    t.near(t.G.compose(g, t.G.inverse(g)), e, "g g^-1 = e", 10)
    t.near(t.G.compose(t.G.inverse(g), g), e, "g^-1 g = e", 10)


def _exponential(t: _Trial) -> None:
    zero = t.G.algebra.hat(torch.zeros(6, t.G.dim, dtype=torch.float64))
    t.near(t.G.exp(zero), t.G.identity(6, dtype=torch.float64), "exp(0) = e")
    A = t.G.algebra.hat(t.vectors(0.5))
    assert bool(t.G.contains(t.G.exp(A)).all()), "exp(A) is not contained"
    half = t.G.exp(t.G.algebra.hat(t.vectors(0.25)))
    t.near(t.G.compose(half, half), t.G.exp(A), "exp(A/2) exp(A/2) = exp(A)", 10)


def _adjoint(t: _Trial) -> None:
    g, h, _ = t.three
    v = t.vectors(0.5)
    left = t.G.compose(t.G.compose(g, t.G.exp(t.G.algebra.hat(v))), t.G.inverse(g))
    A = t.G.algebra.hat(v)
    moved = t.G.push(g, A)
    t.near(left, t.G.exp(moved), "g exp(A) g^-1 = exp(Ad_g A)", 100)
    t.near(t.G.push(t.G.compose(g, h), A), t.G.push(g, t.G.push(h, A)), "Ad_gh = Ad_g Ad_h", 100)
    if not t.G.locally_compact:  # of infinite dimension: its matrices are cut off at some mode
        return
    coordinates = (t.G.adjoint(g).to(v) @ v[..., None])[..., 0]
    t.near(t.G.algebra.hat(coordinates), moved, "the matrix of Ad_g", 100)
    t.near(t.G.adjoint(t.G.compose(g, h)), t.G.adjoint(g) @ t.G.adjoint(h), "Ad_gh = Ad_g Ad_h as matrices", 100)


def _logarithm(t: _Trial) -> None:
    few = 6 if t.G.locally_compact else 1  # logarithms of functions are found step by step
    A = t.G.algebra.hat(t.vectors(0.2)[:few])
    t.near(t.G.log(t.G.exp(A)), A, "log(exp(A)) = A near 0", 100)
    for i in range(few):
        g = _pick(t.three[0], i)
        try:
            log = t.G.log(g)
        except LogUndefinedError:
            continue
        if t.G.locally_compact:  # else the algebra is known in part
            t.G.algebra.vee(log)
        t.near(t.G.exp(log), g, "exp(log(g)) = g wherever log is defined", 1000)


def _algebra(t: _Trial) -> None:
    algebra, c = t.G.algebra, t.G.algebra.structure
    t.near(c, -c.transpose(0, 1), "brackets are antisymmetric")
    if t.G.locally_compact:
        assert algebra.is_closed(), "a bracket of generators leaves the algebra"
        jacobi = torch.einsum("ijm,mkl->ijkl", c, c)
        t.near(jacobi + jacobi.permute(1, 2, 0, 3), -jacobi.permute(2, 0, 1, 3), "the Jacobi identity", 10)
    else:
        assert algebra.complete is False, "an algebra of infinite dimension cannot be complete"
    _brackets(t)
    v = t.vectors(1.0)
    t.near(algebra.vee(algebra.hat(v)), v, "vee(hat(v)) = v", 10)


def _brackets(t: _Trial) -> None:
    """Structure constants are the derivative of Ad: d/ds Ad_exp(sA) B = [A, B], by central differences."""
    u, v, step = t.vectors(1.0, 3), t.vectors(1.0, 6)[3:], 1e-4
    B = t.G.algebra.hat(v)
    ends = [t.G.push(t.G.exp(t.G.algebra.hat(sign * step * u)), B) for sign in (1.0, -1.0)]
    found = tree.tree_map(lambda one, other: (one - other) / (2 * step), *ends)
    wanted = t.G.algebra.hat(t.G.algebra.bracket(u, v))
    for x, y in zip(tree.tree_leaves(found), tree.tree_leaves(wanted), strict=True):
        if not t.G.locally_compact:  # the bracket is known within the modes of the algebra
            basis = t.G.algebra.basis
            assert isinstance(basis, Tensor)
            flat = basis.flatten(1)
            x = (x.flatten(1) @ torch.linalg.pinv(flat) @ flat).unflatten(1, basis.shape[1:])
        if x.numel():
            gap = float((x - y).abs().max()) / (1 + float(y.abs().max()))
            assert gap < 1e-5, f"structure constants are no derivative of Ad, off by {gap:.2g}"


def _membership(t: _Trial) -> None:
    g, h, _ = t.three
    for element, what in ((g, "g"), (t.G.compose(g, h), "g h"), (t.G.inverse(g), "g^-1")):
        assert bool(t.G.contains(element).all()), f"{what} is not contained"
    for space in t.G.spaces:
        factor, part = t.G.factor(space), t.G.part(g, space)
        assert factor is not None
        assert part is not None, f"no part of g on {space}"
        if isinstance(factor, LinearGroup):
            assert not bool(factor.contains(torch.full_like(part, torch.nan)).any()), "NaN is contained"
            noise = torch.randn(part.shape, generator=t.generator(), dtype=part.dtype)
            if factor.dim < factor.degree**2:
                assert not bool(factor.contains(part + 1e-3 * noise).any()), "a disturbed element is contained"
        elif part.is_floating_point():
            assert not bool(factor.contains(torch.full_like(part, torch.nan)).any()), "NaN is contained"
        elif isinstance(factor, S) and factor.n > 1:
            assert not bool(factor.contains(torch.zeros_like(part)).any()), "a map that is no permutation is contained"


def _discrete(t: _Trial) -> None:
    basis, discrete = t.G.generators
    assert bool(t.G.contains(discrete).all()), "a discrete generator is not contained"
    t.near(basis, t.G.algebra.basis, "generators are those of the algebra")


def _sampling(t: _Trial) -> None:
    once, again = t.sample(4, t.generator()), t.sample(4, t.generator())
    assert all(map(torch.equal, tree.tree_leaves(once), tree.tree_leaves(again))), "equal seeds give different draws"
    single = t.sample(4, t.generator(), torch.float32)
    for part, exact in zip(tree.tree_leaves(single), tree.tree_leaves(once), strict=True):
        wanted = torch.float32 if exact.is_floating_point() else exact.dtype
        assert part.dtype == wanted, f"dtype {part.dtype}, asked for {wanted}"
        assert torch.equal(part, exact.to(wanted)), "the dtype changes the draw"
    for part in tree.tree_leaves(t.G.compose(single, t.G.inverse(single))):
        assert part.dtype in (torch.float32, torch.int64), "composition changes the dtype"
    if not t.G.compact:
        try:
            t.G.sample((2,), generator=t.generator())
        except DomainError:
            return
        raise AssertionError("a group that is not compact was sampled without a window")


def _haar(t: _Trial) -> None:
    """Means over Haar draws do not change when every draw is multiplied by one element, from either side."""
    if not t.G.compact:
        return
    generator = t.generator()
    g, h = t.sample(t.draws, generator), t.sample(3, generator)
    before = _features(g)
    for i in range(3):
        for side, moved in (
            ("left", t.G.compose(_pick(h, slice(i, i + 1)), g)),
            ("right", t.G.compose(g, _pick(h, slice(i, i + 1)))),
        ):
            change = _features(moved) - before
            z = change.mean(0).abs() / (change.std(0) / len(change) ** 0.5 + 1e-9)
            assert float(z.max()) < 5.5, f"a {side} translation moves a mean by {float(z.max()):.1f} standard errors"


def _chart(t: _Trial) -> None:
    """Coordinates and back, inverses, and Haar densities of both sides: rho(phi(v)) |det D phi(v)| = rho(v)."""
    if not t.G.locally_compact:
        return
    k, v = t.G.dim, t.vectors(0.3)
    g, inverse = t.G.from_coords(v), t.G.inverse_from_coords(v)
    t.near(t.G.coords(g), v, "coords(from_coords(v)) = v", 100)
    t.near(t.G.compose(g, inverse), t.G.identity(6, dtype=torch.float64), "from_coords(v) times its inverse = e", 10)
    if k == 0:
        return
    v, h, step = v[:3], t.G.from_coords(t.vectors(0.3)[3:]), 1e-4
    shifts = step * torch.cat([torch.eye(k, dtype=torch.float64), -torch.eye(k, dtype=torch.float64)])
    around, at = t.G.from_coords(v[:, None] + shifts), t.G.from_coords(v)
    for side in ("left", "right"):
        pair = (lambda h, g: (h, g)) if side == "left" else (lambda h, g: (g, h))
        moved = t.G.coords(t.G.compose(*pair(_stretch(h), around)))
        jacobian = (moved[:, :k] - moved[:, k:]) / (2 * step)
        image = t.G.compose(*pair(h, at))
        change = t.G.haar_log_density(t.G.coords(image)) - t.G.haar_log_density(v)
        if side == "right":
            change = change + t.G.log_modulus(image) - t.G.log_modulus(at)
        gap = float((change + torch.linalg.det(jacobian).abs().log()).abs().max())
        assert gap < 1e-6, f"a {side} translation changes the log {side} Haar density by {gap:.2g}"


def _stretch(h: Element) -> Element:
    return tree.tree_map(lambda part: part[:, None], h)


def _elements(t: _Trial) -> None:
    assert t.G.finite == (t.G.order is not None), "finite means of finite order"
    if t.G.order is None or t.G.order > 10 * _LISTED:
        return
    elements = t.G.elements()
    rows = _entries(elements)
    assert len(rows) == t.G.order, f"{counted(len(rows), 'element')}, order {t.G.order}"
    assert len({tuple(row) for row in (rows * 1e6).round().long().tolist()}) == len(rows), "an element is listed twice"
    assert bool(t.G.contains(elements).all()), "a listed element is not contained"
    if t.G.order <= _LISTED:
        products = t.G.compose(_stretch(elements), elements)
        flat = tuple(part.flatten(0, 1) for part in tree.tree_leaves(products))
        distances = torch.cdist(_entries(flat), rows, compute_mode="donot_use_mm_for_euclid_dist").amin(1)
        assert float(distances.max()) < 1e-9, "a product of two listed elements is not listed"


def _cubature(t: _Trial) -> None:
    if not Cubature.knows(t.G) or (t.G.order or 0) > 10 * _LISTED:
        return
    for degree in (1, 2):
        rule = Cubature(t.G, degree).discretise()
        assert abs(float(rule.weight.sum()) - 1) < 1e-14, "the weights do not sum to 1"
        of = _entries if degree == 1 else _features
        for i in range(3):
            h = _pick(t.three[0], slice(i, i + 1))
            for moved in (t.G.compose(h, rule.g), t.G.compose(rule.g, h)):
                t.near(rule.weight @ of(moved), rule.weight @ of(rule.g), f"invariance of degree {degree}", 10)


def _batches(t: _Trial) -> None:
    g, h = _pick(t.three[0], slice(0, 2)), _pick(t.three[1], slice(0, 3))
    outer = t.G.compose(_stretch(g), h)
    for i in range(2):
        t.near(_pick(outer, i), t.G.compose(_pick(g, i), h), "composition broadcasts over batch axes")
    generator = t.generator()
    grid = t.G.sample((2, 3), generator=generator, dtype=torch.float64, within=None if t.G.compact else 0.4)
    for part in tree.tree_leaves(grid):
        assert part.shape[:2] == (2, 3), f"a sample of shape {tuple(part.shape)} for (2, 3)"
    assert t.G.contains(grid).shape == (2, 3), "contains keeps the batch axes"


_LAWS: dict[str, Callable[[_Trial], None]] = {
    "printing": _printing,
    "neutral element": _neutral,
    "associativity": _associativity,
    "left action": _left_action,
    "inverses": _inverses,
    "exponential": _exponential,
    "adjoint": _adjoint,
    "logarithm": _logarithm,
    "algebra": _algebra,
    "membership": _membership,
    "discrete generators": _discrete,
    "sampling": _sampling,
    "haar": _haar,
    "chart": _chart,
    "elements": _elements,
    "cubature": _cubature,
    "batches": _batches,
}
