"""The Lagrangian v M v / 2 - V(q) of recorded motions: mass matrix and potential, learned from accelerations.

Both are known up to one factor: M a = -grad V. That equation is linear in M and V; it is solved in units of the
acceleration, W (M a + grad V) with W the inverse of the last M and tr(W M) fixed, so that noise of a draws M nowhere.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from isotropy.dynamics._potential import Features, Read, ridge, symmetric_basis
from isotropy.dynamics._trajectories import Trajectories
from isotropy.random import spawn

_CENTRES = 120
_WIDTHS = (0.8, 1.5, 3.0)  # of bumps, in units of the spread of the positions
_PENALTIES = (1e-13, 1e-10, 1e-7, 1e-4)  # on the weights of bumps, in units of mean squares of a
_READINGS: tuple[Read, ...] = ("plain", "log")
_FREE = 1e-14  # on the weights of monomials, against rounding alone
_LOOKS = 2  # for the smoothness: with equal masses, and with those found
_ROUNDS = 12
_SETTLED = 1e-8
_TELLING, _STILL = 20.0, 1e-8  # times the error, and of the mean square of a: below, changes of M are not told
_DECADES = 100.0  # accelerations whose 1 % and 99 % quantiles differ by more are weighed by their size
_HELD = 5  # one track in five, or one stretch of every track in five, is held out to choose by
_MANY = 15


class Mechanical(nn.Module):
    """L = v M v / 2 - V(q), V = sum_k c_k phi_k(q)."""

    mass: Tensor
    weights: Tensor

    def __init__(self, mass: Float[Tensor, "d d"], features: Features, weights: Float[Tensor, " K"]) -> None:
        super().__init__()
        self.features = features
        self.register_buffer("mass", mass)
        self.register_buffer("weights", weights)

    def potential(self, q: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
        return self.features(q) @ self.weights.to(q)

    def forward(self, q: Float[Tensor, "n d"], v: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
        return ((v @ self.mass.to(v)) * v).sum(-1) / 2 - self.potential(q)

    def force(self, q: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        """-grad V."""
        return -(self.features.slopes(q) @ self.weights.to(q)).mT


@dataclass(frozen=True, eq=False)
class Fit:
    """A Lagrangian and how well its equations hold: the share of the accelerations that moments held out leave
    unexplained (``left``), each weighed as the fit weighs it (0 where how ``smooth`` it is was given)."""

    lagrangian: Mechanical
    left: float
    smooth: Smooth


def fit_mechanical(moments: Trajectories, *, smooth: Smooth | None = None, seed: int = 0) -> Fit:
    """Mass matrix and potential of these motions, tr(M) = d; how ``smooth`` the potential is, is chosen by moments that
    are held out, unless it is given.

    The potential is read in coordinates in which the mass matrix is the metric, which changes as M is found.
    """
    held = held_out(moments)
    chosen = torch.randperm(len(moments.q), generator=spawn(seed, "centres"))[:_CENTRES]
    M = torch.eye(moments.q.shape[1], dtype=moments.q.dtype)
    problem = _Problem(moments.q, moments.a, weights_of(moments.a), chosen)
    given = smooth is not None
    left, chosen_smooth = (0.0, smooth) if smooth is not None else problem.chosen_by(M, held)
    features, c = None, None
    for _ in range(_LOOKS):
        for _ in range(_ROUNDS):
            before = M
            M, features, c = problem.solved(M, chosen_smooth)
            if float((M - before).abs().max()) < _SETTLED:
                break
        if given:
            break
        left, again = problem.chosen_by(M, held)
        if again == chosen_smooth:
            break
        chosen_smooth = again
    assert features is not None
    assert c is not None
    return Fit(Mechanical(M, features, c), left, chosen_smooth)


@dataclass(frozen=True)
class Smooth:
    """How the potential is looked for: how positions are read, how wide bumps are, how large they may be."""

    read: Read
    width: float
    penalty: float


def weights_of(a: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
    """What the errors of each moment are multiplied by, so that the mean square of what is to be explained is 1."""
    size = torch.linalg.vector_norm(a, dim=-1)
    low, high = torch.quantile(size, torch.tensor([0.01, 0.99], dtype=a.dtype)).tolist()
    if high > _DECADES * low > 0:
        return 1 / size
    return torch.ones_like(size) / size.square().mean().sqrt().clamp_min(1e-300)


def held_out(moments: Trajectories) -> Bool[Tensor, " N"]:
    """One track in five; of few tracks, whose motions may have little in common, one stretch of each in five."""
    label = moments.tracks.label
    if moments.count >= _MANY:
        return label % _HELD == _HELD - 1
    place = torch.arange(len(label)) - moments.first[label]
    stretch = place * 5 * _HELD // moments.tracks.sizes[label]
    return stretch % _HELD == _HELD - 1


@dataclass(frozen=True, eq=False)
class _Problem:
    """M a + grad V(q) = 0 on some moments, each weighed."""

    q: Float[Tensor, "n d"]
    a: Float[Tensor, "n d"]
    weight: Float[Tensor, " n"]
    chosen: Int[Tensor, " K"]

    def chosen_by(self, M: Float[Tensor, "d d"], held: Bool[Tensor, " n"]) -> tuple[float, Smooth]:
        """The smoothness that leaves least of the accelerations held out, and the share of them that it leaves."""
        best = (math.inf, Smooth("plain", _WIDTHS[0], _PENALTIES[0]))
        a, weight = self.a[held].mT, self.weight[held]
        energy = (a * weight).square().sum()
        for read, width in itertools.product(_READINGS, _WIDTHS):
            features = Features.about(self.q, self.chosen, M, width, read)
            slope = features.slopes(self.q)
            system = _System.of(features, slope[:, ~held], self.a[~held], self.weight[~held], M)
            for penalty in _PENALTIES:
                found, c = system.solved(penalty)
                predicted = -torch.linalg.solve(found, slope[:, held] @ c)
                left = float(((a - predicted) * weight).square().sum() / energy)
                best = min(best, (left, Smooth(read, width, penalty)), key=lambda each: each[0])
        return best

    def solved(self, M: Float[Tensor, "d d"], smooth: Smooth) -> tuple[Float[Tensor, "d d"], Features, Tensor]:
        """One round: M, tr(M) = d, the features of V and their weights."""
        features = Features.about(self.q, self.chosen, M, smooth.width, smooth.read)
        system = _System.of(features, features.slopes(self.q), self.a, self.weight, M)
        found, c = system.solved(smooth.penalty)
        scale = len(M) / float(found.trace())
        return found * scale, features, c * scale


@dataclass(frozen=True, eq=False)
class _System:
    """W (M + changes) a + W grad V = 0 as linear equations X (changes, c) = y."""

    M: Float[Tensor, "d d"]
    changes: Float[Tensor, "m d d"]
    X: Float[Tensor, "n k"]
    y: Float[Tensor, " n"]
    monomials: int

    @classmethod
    def of(cls, features: Features, slope: Tensor, a: Tensor, weight: Tensor, M: Tensor) -> _System:
        basis, W = symmetric_basis(a.shape[1]), torch.linalg.inv(M)
        # Symmetric changes of M that leave tr(W M) alone.
        trace = torch.einsum("ij,kji->k", W, basis)
        changes = torch.einsum("mk,kij->mij", torch.linalg.svd(trace[None])[2][1:], basis)
        changes = changes / torch.linalg.matrix_norm(W @ changes)[:, None, None]
        by_mass = torch.einsum("ij,mjk,nk->inm", W, changes, a)
        X = torch.cat([by_mass, torch.einsum("ij,jnk->ink", W, slope)], -1) * weight[:, None]
        y = -torch.einsum("ij,jk,nk->in", W, M, a) * weight
        return cls(M, changes, X.flatten(0, 1), y.flatten(), features.monomials)

    def solved(self, penalty: float) -> tuple[Float[Tensor, "d d"], Float[Tensor, " K"]]:
        """The next M, with tr(W M) as it is, and the weights of V."""
        m = len(self.changes)
        penalties = self.X.new_full((self.X.shape[1],), penalty)
        penalties[: m + self.monomials] = _FREE
        of_mass = self._seen(ridge(self.normal, self.right, penalties), penalties)
        step = torch.tensordot(of_mass, self.changes, dims=1)
        least = 1e-3 * float(torch.linalg.eigvalsh(self.M)[0])
        # A mass that is not positive is none: half the way there is tried instead.
        while float(torch.linalg.eigvalsh(self.M + step)[0]) < least:
            step, of_mass = step / 2, of_mass / 2
        c = ridge(self.normal[m:, m:], self.right[m:] - self.normal[m:, :m] @ of_mass, penalties[m:])
        return self.M + step, c

    def _seen(self, found: Float[Tensor, " k"], penalties: Float[Tensor, " k"]) -> Float[Tensor, " m"]:
        """The change of M without its part along masses that the data tell apart by no more than errors do.

        Two springs of any two masses obey the same equations; what is then left of noise would choose between them.
        """
        m = len(self.changes)
        error = float((self.X @ found - self.y).square().mean())
        inner = self.normal[m:, m:] + torch.diag(penalties[m:] + 1e-15 * float(self.normal.diagonal().max()))
        across = torch.linalg.cholesky(inner)
        schur = self.normal[:m, :m] - self.normal[:m, m:] @ torch.cholesky_solve(self.normal[m:, :m], across)
        values, vectors = torch.linalg.eigh((schur + schur.mT) / 2)
        kept = vectors[:, values > _TELLING * error + _STILL]
        return kept @ (kept.mT @ found[:m])

    @cached_property
    def normal(self) -> Float[Tensor, "k k"]:
        return self.X.mT @ self.X / len(self.X)

    @cached_property
    def right(self) -> Float[Tensor, " k"]:
        return self.X.mT @ self.y / len(self.X)
