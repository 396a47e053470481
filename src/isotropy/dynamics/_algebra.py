"""Which affine maps of positions, with a stretch of time, are symmetries of a learned equation of motion a = F(q)?

And which of them of its action: v M v / 2 - V(q) asks that M A + A^T M = s M, where time is stretched by s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor
from torch.func import jvp

from isotropy.dynamics._divergence import change_of, terms_of
from isotropy.dynamics._lagrangian import Lagrangian, equations, euler
from isotropy.dynamics._mechanical import Mechanical, weights_of
from isotropy.dynamics._noether import PointGenerator
from isotropy.linalg import sym_invsqrt, sym_sqrt
from isotropy.random import spawn

SYMMETRIC = 0.02
"""A direction is a symmetry of the equations while it changes a smaller share of the accelerations, per displacement
of the size of the motions."""
_VARIATIONAL = 0.01  # of the kinetic energy; Kepler's scaling changes 0.04
_WITHIN = 0.15  # the sine of an angle up to which a generator counts as one of a span, and is replaced by that
_NOTHING = 0.02  # a shift of place or time, beside a map of size 1, that a generator without any does not gain
_FLAT = 1e-8  # a share of the largest displacement below which a direction moves nothing


Changes = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True, eq=False)
class Directions:
    """All generators (A, b, s) as coordinates ``c (D,)``: A row by row, b in units of ``size``, s.

    ``equations`` and ``action (D, D)`` say what a direction changes, squared: of the accelerations of the moments, of
    the kinetic energy. ``metric (D, D)`` is the mean square of the displacement, in units of the size of the motions.
    """

    d: int
    size: float
    equations: Float[Tensor, "D D"]
    action: Float[Tensor, "D D"]
    metric: Float[Tensor, "D D"]

    @classmethod
    def of(cls, L: Mechanical, q: Float[Tensor, "n d"], v: Float[Tensor, "n d"]) -> Directions:
        """Of the Lagrangian, where the motions are."""
        mass, root = L.mass, sym_sqrt(L.mass)
        inverse = torch.linalg.inv(mass)

        def F(q: Tensor) -> Tensor:
            return L.force(q) @ inverse

        a, twice = F(q), ((v @ mass) * v).sum(-1).clamp_min(1e-300)
        weight = weights_of(a)[:, None]
        size = float((q - q.mean(0)).square().mean().sqrt())

        def changes(g: PointGenerator) -> Changes:
            shift = g.shift(q)
            changed = (a @ g.A.mT - 2 * g.dilation * a - jvp(F, (q,), (shift,))[1]) @ root * weight
            return changed, shift @ root, ((v @ (mass @ g.A - g.dilation / 2 * mass)) * v).sum(-1) / twice

        return cls._measured(q, size, (a @ root * weight).square().sum() / len(q), changes)

    @classmethod
    def of_any(
        cls, L: Lagrangian, q: Float[Tensor, "n d"], v: Float[Tensor, "n d"], a: Float[Tensor, "n d"]
    ) -> Directions:
        """Of a Lagrangian of any form, where the motions are, with the accelerations ``a`` of the moments dealt anew
        for the test of the action (``divergence_defect``), whose squares stand in the place of kinetic energies."""
        n = len(q)
        own, by_q, by_v = _linearised(L, q, v)
        weight = weights_of(own)[:, None]
        size = float((q - q.mean(0)).square().mean().sqrt())
        mixed = a[torch.randperm(n, generator=spawn(0, "divergence"))]
        unit = terms_of(L, q, v, mixed)

        def changes(g: PointGenerator) -> Changes:
            shift, turned = g.shift(q), v @ g.A.mT - g.dilation * v
            # The flow of the generator carries a(q, v) along; what is left beside its own change is broken.
            along = torch.einsum("nij,nj->ni", by_q, shift) + torch.einsum("nij,nj->ni", by_v, turned)
            changed = (own @ g.A.mT - 2 * g.dilation * own - along) * weight
            return changed, shift, euler(change_of(L, g), q, v, mixed) / unit

        return cls._measured(q, size, (own * weight).square().sum() / n, changes)

    @classmethod
    def _measured(
        cls,
        q: Float[Tensor, "n d"],
        size: float,
        share: Float[Tensor, ""],
        changes: Callable[[PointGenerator], Changes],
    ) -> Directions:
        """From what each generator changes of the accelerations (whose mean square is ``share``), how it moves
        positions, and what it changes of the action."""
        n, d = q.shape
        rows: list[Changes] = []
        for c in torch.eye(d * d + d + 1, dtype=q.dtype):
            g = generator_of(c, d, size)
            changed, shift, action = (part.flatten() for part in changes(g))
            rows.append((changed, torch.cat([shift / size, q.new_full((1,), g.dilation * n**0.5)]), action))
        E, B, K = (torch.stack(part, 1) for part in zip(*rows, strict=True))
        return cls(d, size, E.mT @ E / (n * share), K.mT @ K / n, B.mT @ B / n)

    @cached_property
    def _frame(self) -> Float[Tensor, "D r"]:
        """Directions of unit displacement, across each other; those that move nothing are left out."""
        values, vectors = torch.linalg.eigh(self.metric)
        kept = values > _FLAT * values[-1]
        return vectors[:, kept] / values[kept].sqrt()

    @cached_property
    def spectrum(self) -> tuple[Tensor, Float[Tensor, "D r"]]:
        """What each direction changes of the accelerations, smallest first, and the directions."""
        values, vectors = torch.linalg.eigh(self._frame.mT @ self.equations @ self._frame)
        return values, self._frame @ vectors

    @cached_property
    def symmetries(self) -> Float[Tensor, "D k"]:
        """The directions that are symmetries of the equations."""
        values, vectors = self.spectrum
        return vectors[:, values < SYMMETRIC]

    @cached_property
    def variational(self) -> Float[Tensor, "D k"]:
        """Those of them that are symmetries of the action."""
        N = self.symmetries
        values, vectors = torch.linalg.eigh(N.mT @ self.action @ N)
        return N @ vectors[:, values < _VARIATIONAL]

    @cached_property
    def wrong(self) -> PointGenerator:
        """The linear map that is least of a symmetry: the floor that symmetries are measured against."""
        total = self.equations + self.action
        D = self.d * self.d
        values, vectors = torch.linalg.eigh(self.metric[:D, :D])
        kept = values > _FLAT * values[-1]
        linear = vectors[:, kept] / values[kept].sqrt()
        worst = linear @ torch.linalg.eigh(linear.mT @ total[:D, :D] @ linear)[1][:, -1]
        return generator_of(torch.cat([worst, worst.new_zeros(self.d + 1)]), self.d, self.size)

    def keeps(self, g: PointGenerator, *, action: bool) -> bool:
        """Whether a generator is a symmetry of the equations, and of the action if asked."""
        c = self.coordinates(g)
        length = float(c @ self.metric @ c)
        changed = float(c @ self.equations @ c) / length, float(c @ self.action @ c) / length
        return changed[0] < SYMMETRIC and (not action or changed[1] < _VARIATIONAL)

    def coordinates(self, g: PointGenerator) -> Float[Tensor, " D"]:
        return torch.cat([g.A.flatten(), g.b / self.size, g.A.new_tensor([g.dilation])])

    def nearest(self, g: PointGenerator, span: Float[Tensor, "D k"]) -> PointGenerator | None:
        """The element of a span that is nearest to a generator, None where none is near."""
        c = self.coordinates(g)
        length = float(c @ self.metric @ c)
        if not span.shape[1] or length <= 0:
            return None
        found = span @ torch.linalg.lstsq(span.mT @ self.metric @ span, (span.mT @ self.metric @ c)[:, None])[0][:, 0]
        left = c - found
        if float(left @ self.metric @ left) > _WITHIN**2 * length:
            return None
        D = self.d * self.d
        for part in (slice(D, D + self.d), slice(D + self.d, None)):
            # A rotation stays one, and does not begin to translate by what noise makes of a span.
            if not bool(c[part].any()) and float(found[part].abs().max()) < _NOTHING * float(found[:D].norm()):
                found[part] = 0
        return generator_of(found, self.d, self.size)

    def basis(self, natural: Sequence[Named], *, action: bool) -> list[Named]:
        """A basis of the symmetries of the equations, or of the action, of natural generators where they are such; the
        rest as they come."""
        found: list[Named] = []
        span = self.variational if action else torch.cat([self.variational, self.symmetries], 1)
        taken = span[:, :0]
        for name, g in [*natural, *(("", generator_of(c, self.d, self.size)) for c in span.mT)]:
            # A stretch of time is read off the data; a rotation that is a symmetry is that very rotation.
            near = g if not g.dilation and self.keeps(g, action=action) else self.nearest(g, span)
            if near is None:
                continue
            c = self.coordinates(near)
            rest = c - taken @ (taken.mT @ self.metric @ c)
            length = float(rest @ self.metric @ rest)
            if length > _WITHIN * float(c @ self.metric @ c):
                # What nature does not name stands across what it does.
                found.append((name, near if name else generator_of(rest, self.d, self.size)))
                taken = torch.cat([taken, (rest / length**0.5)[:, None]], 1)
        return found


Named = tuple[str, PointGenerator]


def _linearised(L: Lagrangian, q: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The accelerations (n, d) that L gives, and their derivatives (n, d, d) by positions and by velocities."""
    q, v = q.detach().requires_grad_(), v.detach().requires_grad_()
    a = equations(L, q, v).accelerations
    rows = [
        torch.autograd.grad(a[:, i].sum(), (q, v), retain_graph=True, allow_unused=True, materialize_grads=True)
        for i in range(a.shape[1])
    ]
    by_q, by_v = (torch.stack(part, 1) for part in zip(*rows, strict=True))
    return a.detach(), by_q, by_v


def generator_of(c: Float[Tensor, " D"], d: int, size: float) -> PointGenerator:
    """The generator with these coordinates."""
    A, b, s = c.split([d * d, d, 1])
    A, b, s = (torch.where(part.abs() < 1e-9 * c.abs().max(), 0.0, part) for part in (A, b, s))
    return PointGenerator(A.unflatten(0, (d, d)), size * b, 0.0, float(s))


def natural_generators(mass: Float[Tensor, "d d"]) -> list[Named]:
    """Rotations and stretches in the coordinates that make masses equal, translations, and the dilation."""
    d = len(mass)
    root, back = sym_sqrt(mass), sym_invsqrt(mass)
    axes = "xyzw" if d <= 4 else [f"{i + 1}" for i in range(d)]
    found: list[Named] = []
    for i in range(d):
        for j in range(i + 1, d):
            turn = torch.zeros(d, d, dtype=mass.dtype)
            turn[i, j], turn[j, i] = -1, 1
            about = {(0, 1): " about z", (0, 2): " about y", (1, 2): " about x"}[i, j] if d == 3 else ""
            about = f" in the plane {axes[i]}{axes[j]}" if d > 3 else about
            # A rotation about y turns z to x.
            sign = -1.0 if d == 3 and (i, j) == (0, 2) else 1.0
            found.append((f"angular momentum{about}", PointGenerator.of(sign * back @ turn @ root)))
    for i in range(d):
        b = torch.zeros(d, dtype=mass.dtype)
        b[i] = 1
        found.append((f"momentum along {axes[i]}", PointGenerator(torch.zeros_like(mass), b)))
    found.append(("dilation", PointGenerator.of(torch.eye(d, dtype=mass.dtype))))
    found += [("dilation", PointGenerator.of(torch.eye(d), dilation=s)) for s in (1.5, 1.0, 0.5, 2.0, -1.0, 3.0)]
    for i in range(d):
        stretch = torch.zeros(d, d, dtype=mass.dtype)
        stretch[i, i] = 1
        found.append((f"stretch along {axes[i]}", PointGenerator.of(back @ stretch @ root)))
    return found
