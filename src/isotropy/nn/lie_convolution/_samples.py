"""Elements of the group at which features are known: drawn from a measure that a layer holds, with their weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal
from warnings import warn

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DomainError, EffectiveSampleWarning, InfeasibleError
from isotropy.groups import Group, LinearGroup, Product, Window, cartan
from isotropy.groups.parts import matrix
from isotropy.nn.lie_convolution._chart import linear_part
from isotropy.random import spawn
from isotropy.settings import Settled

Resample = Literal["train", "always", "never"]
WIDTH = 0.09
"""The scale of the logistic window from which elements of a group that is not compact are drawn.

Its deviation is the published one, 0.16 in the logarithm of a stretch (a variance of 0.1 in that of g g^T). Kernels of
five cells do not resolve much more: of networks with random weights, 16 draws within 0.27 were no nearer to invariance
than one, since the maximum over the group was at the most stretched of them."""
REACH = 0.18
"""The deviation of the Gaussian of stretches by which kernels on a group fall off: twice the scale, so that nine tenths
of the draws count."""


@dataclass(frozen=True, eq=False)
class GroupSamples:
    """Elements ``g (N, n, n)``, their inverses, and the logarithms ``(N,)`` of their weights and of ``|det g|``.

    The mean of ``f(g) exp(log_weight)`` is the integral of f over left Haar measure, whose unit is such that its
    density at the identity is that of the window. All in float64.
    """

    g: Float[Tensor, "N n n"]
    inverse: Float[Tensor, "N n n"]
    log_weight: Float[Tensor, " N"]
    log_det: Float[Tensor, " N"]

    def __len__(self) -> int:
        return len(self.g)

    def to(self, device: torch.device) -> GroupSamples:
        return GroupSamples(*(part.to(device) for part in (self.g, self.inverse, self.log_weight, self.log_det)))

    @classmethod
    def of(cls, g: Float[Tensor, "N n n"], inverse: Float[Tensor, "N n n"] | None = None) -> GroupSamples:
        """Elements of equal weights.

        >>> len(GroupSamples.of(torch.eye(2).expand(3, 2, 2)))
        3
        """
        g = g.double()
        back = torch.linalg.inv(g) if inverse is None else inverse.double()
        return cls(g, back, g.new_zeros(len(g)), _log_det(g))


class GroupSampler(Settled):
    """A measure on H with a number of draws: call it for `GroupSamples`.

    - ``group``: of linear maps, or an affine one, whose linear part is meant. Finite groups of at most ``n`` elements
      give all of them. Compact groups are drawn uniformly, rotations of the plane equally spaced with one random offset
      (``rule="sobol"``); others from ``measure``, by default a logistic window with uniform rotations, scrambled Sobol
      points in the rest.
    - ``weights`` "haar" makes means integrals over Haar measure; "none" leaves the draws as they are, which is what
      Mironenco and Forre publish: not invariant, however many there are.
    - ``resample``: "train" draws anew for each call in training and has fixed draws in evaluation, "always" and
      "never" do one of them throughout. New draws come from ``generator``, or from torch's own; fixed ones from
      ``seed``.

    ``share`` is the effective share of the draws for a kernel that falls off by `REACH`. Raises DomainError for
    ``n < 1``, weights that are not finite, another option or a measure on another group; InfeasibleError where fewer
    than two of the draws carry an integral; warns (EffectiveSampleWarning) where less than a quarter does.

    >>> sampler = GroupSampler("SL(2)", 10)
    >>> drawn = sampler(torch.Generator().manual_seed(0))
    >>> len(drawn), bool((drawn.g @ drawn.inverse - torch.eye(2)).abs().max() < 1e-12)
    (10, True)
    """

    def __init__(
        self,
        group: Group | str,
        n: int,
        *,
        measure: Window | None = None,
        weights: Literal["haar", "none"] = "haar",
        rule: Literal["mc", "sobol"] = "sobol",
        resample: Resample = "train",
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.group = linear_part(group)
        if n < 1:
            raise DomainError(f"n_samples={n}", "1 or more elements of the group")
        for name, value, known in (
            ("weights", weights, ("haar", "none")),
            ("rule", rule, ("mc", "sobol")),
            ("resample", resample, ("train", "always", "never")),
        ):
            if value not in known:
                raise DomainError(f"{name}={value!r}", " or ".join(map(repr, known)))
        if measure is not None and measure.group != self.group:
            raise DomainError(f"a measure on {measure.group}", f"one on {self.group}", f"Window({self.group}, 0.2)")
        self.all = self.group.finite and (self.group.order or n + 1) <= n
        self.n = int(self.group.order or n) if self.all else n
        self.measure, self.weights, self.rule, self.resample, self.seed = measure, weights, rule, resample, seed
        self.share = self._share()
        self._kept: GroupSamples | None = None

    def __len__(self) -> int:
        return self.n

    def settings(self) -> dict[str, Any]:
        """What the draws depend on."""
        named = {name: getattr(self, name) for name in ("n", "weights", "rule", "resample", "seed")}
        return {"group": str(self.group), "measure": repr(self.measure), **named}

    def forward(self, generator: torch.Generator | None = None) -> GroupSamples:
        fixed = self.resample == "never" or (self.resample == "train" and not self.training)
        if fixed or self.all:
            if self._kept is None:
                self._kept = self.draw(self.n, spawn(self.seed, "samples of the group"))
            return self._kept
        if generator is None:
            # One number of torch's own stream seeds the rest: Sobol points and rotations draw in float64 on the CPU.
            generator = torch.Generator().manual_seed(int(torch.randint(2**62, ())))
        return self.draw(self.n, generator)

    def draw(self, n: int, generator: torch.Generator) -> GroupSamples:
        """So many elements, whatever ``n`` the sampler has."""
        if self.all:
            elements = matrix(self.group.elements())
            return GroupSamples.of(elements, matrix(self.group.inverse(elements)))
        g, inverse, log_weight = _pairs(self.group, self.measure, n, generator, self.rule)
        if self.weights == "none":
            log_weight = torch.zeros_like(log_weight)
        if bool((log_weight.isnan() | (log_weight == torch.inf)).any()):
            raise DomainError("weights that are not finite", "finite ones", "take a narrower window")
        return GroupSamples(g, inverse, log_weight, _log_det(g))

    def _share(self) -> float:
        """The effective share of many draws for the kernel ``exp(-|X|^2 / 2 REACH^2)`` about the identity."""
        if self.group.compact:
            return 1.0
        drawn = self.draw(1024, spawn(0, "effective sample"))
        fall = cartan(drawn.g)[0].square().sum((-2, -1)) / (2 * REACH**2)
        size = (drawn.log_weight - fall).double()
        size = (size - size.max()).exp()
        share = float(size.sum() ** 2 / size.square().sum() / len(size))
        if self.n > 2 and share * self.n < 2:
            hint = "widen the window, or draw more: a few of the draws carry the whole integral"
            raise InfeasibleError(f"an effective sample of {share * self.n:.2g} in {self.n}", "at least 2", hint)
        if share < 1 / 4:
            told = f"effective sample {share:.0%} of the draws: the window fits the kernels badly"
            warn(told, EffectiveSampleWarning, stacklevel=3)
        return share


def _pairs(
    group: Group, measure: Window | None, n: int, generator: torch.Generator, rule: str
) -> tuple[Tensor, Tensor, Tensor]:
    """Elements, inverses and log weights, the weight of the identity being one."""
    factors = getattr(group, "factors", None)
    if measure is None and factors is not None and not isinstance(group, Product):
        # Factors on one space commute: the chart of the product is that of each.
        g, inverse, weight = _pairs(factors[0], None, n, generator, rule)
        for factor in factors[1:]:
            h, back, more = _pairs(factor, None, n, generator, rule)
            g, inverse, weight = g @ h, back @ inverse, weight + more
        return g, inverse, weight
    if group.finite:
        g = group.sample(n, generator=generator, dtype=torch.float64)
        return matrix(g), matrix(group.inverse(g)), torch.zeros(n, dtype=torch.float64)
    assert isinstance(group, LinearGroup)
    turns = group.turns is not None
    window = measure or Window(group, WIDTH, "logistic", compact="haar" if turns else "window")
    g, inverse, log_weight = window.pairs(n, generator=generator, rule=rule)
    return matrix(g), matrix(inverse), log_weight - _at_identity(window)


def _at_identity(window: Window) -> float:
    """The log weight that a draw at the identity has."""
    return float(window.log_weight(torch.zeros(1, window.group.dim, dtype=torch.float64)))


def _log_det(g: Float[Tensor, "N n n"]) -> Float[Tensor, " N"]:
    """log |det g|, the trace of its stretch."""
    return cartan(g)[0].diagonal(dim1=-2, dim2=-1).sum(-1)
