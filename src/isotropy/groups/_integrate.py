"""Integrals over a group, with their intervals."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from warnings import warn

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import EffectiveSampleWarning, InfeasibleError, ShapeError, one_of
from isotropy.estimate import Estimate
from isotropy.groups._algebra import Element
from isotropy.groups._group import Group
from isotropy.groups._linear import LinearGroup
from isotropy.groups._measure import Measure
from isotropy.groups._parse import parse
from isotropy.groups._window import Haar, Window, needed

WIDTH = 0.7
"""The scale of the logistic window over which a whole group is integrated.

In the chart a Gaussian on matrices falls off exponentially, and faster than the tails of this law for every scale above
1/2: only then have the weights a variance. Nearer to 1/2 Sobol points gain less, beyond 1 draws thin out where the
integrand is."""


@dataclass(frozen=True)
class Integral(Estimate):
    """An integral over a group: an Estimate with the ``measure`` drawn from and the ``weights`` of the draws.

    As every Estimate it has ``mean``, ``low``, ``high``, ``n``, ``confidence``, ``max`` and ``ess``.
    """

    measure: Measure | None = None
    weights: str = "haar"

    def __str__(self) -> str:
        return super().__str__() + (" under the window, not Haar measure" if self.weights == "none" else "")


def integrate(
    f: Callable[[Element], Tensor],
    measure: Measure | Group | str,
    n: int = 1024,
    *,
    generator: torch.Generator,
    weights: str = "haar",
    rule: str = "mc",
    side: str = "left",
) -> Integral:
    """The integral of ``f: g (n, *element) -> (n,)`` with a 95 % interval.

    Over Haar and Cubature: the mean. Over a Window with ``weights="haar"``: the Haar integral, the window being the
    proposal of importance sampling; with ``"none"`` the mean under the window itself, which depends on the window, is
    not invariant, and is what Mironenco and Forre (ICLR 2024) publish. A group stands for its Haar measure: where it is
    not compact, drawn from a logistic window of scale 0.7 with uniform rotations, which is the ``measure`` of the
    result. ``side="right"`` is right Haar measure, another one where the group is not unimodular. ``rule="sobol"``
    takes scrambled Sobol points; the interval is then far too wide, being that of independent draws.

    ``ess`` is that of the summands |w f|: for a group of infinite volume weights alone have none. Warns
    (EffectiveSampleWarning) when it is below n/4, raises InfeasibleError below 2, ShapeError when f is not (n,).
    Source: specification 02 §2.2 and §2.3.

    >>> from isotropy.groups import SO, Cubature
    >>> gen = torch.Generator().manual_seed(0)
    >>> print(integrate(lambda g: g[:, 0, 0] ** 2, Cubature(SO(3), 2), generator=gen))
    0.333 [0.333, 0.333]
    >>> found = integrate(lambda g: (-g.square().sum((1, 2))).exp(), "SL(2)", 4096, generator=gen, rule="sobol")
    >>> found.measure
    Window(group=SL(2), width=0.7, shape='logistic', compact='haar')
    """
    one_of("weights", weights, ("haar", "none"))
    one_of("side", side, ("left", "right"))
    measure = measure if isinstance(measure, Measure) else haar_proposal(parse(measure))
    if isinstance(measure, Window) and weights == "haar":
        count, generator = needed(n, generator)
        g, log_weight = measure.weighted(count, generator, rule)
        if side == "right" and not measure.group.unimodular:
            log_weight = log_weight + measure.group.log_modulus(g)
        terms = _weighted(log_weight, _values(f, g, count))
        size = terms.abs()
        ess = float(size.sum() ** 2 / size.square().sum().clamp_min(1e-300))
    else:
        atoms = measure.discretise(n, generator=generator, rule=rule)
        values = _values(f, atoms.g, len(atoms))
        if atoms.exact:
            mean = float(atoms.weight @ values)
            return Integral(mean, mean, mean, n=len(atoms), ess=float(len(atoms)), measure=measure, weights=weights)
        terms, count, ess = values, len(atoms), float(len(atoms))
    if ess < 2 and count > 2:
        hint = "widen the window, or draw more: a few of the draws carry the whole integral"
        raise InfeasibleError(f"an effective sample of {ess:.2g} in {count}", "at least 2", hint)
    if ess < count / 4:
        warn(f"effective sample {ess:.0f} of {count}: widen the window", EffectiveSampleWarning, stacklevel=2)
    mean, error = float(terms.mean()), float(terms.std() / math.sqrt(count))
    return Integral(mean, mean - 1.96 * error, mean + 1.96 * error, n=count, ess=ess, measure=measure, weights=weights)


def haar_proposal(group: Group) -> Measure:
    """What Haar measure of a group is drawn from: itself where it is a probability, else a window with heavy tails.

    >>> from isotropy.groups import SL, SO
    >>> haar_proposal(SO(3)), haar_proposal(SL(2)).shape
    (Haar(group=SO(3), side='left'), 'logistic')
    """
    if group.compact:
        return Haar(group)
    turns = isinstance(group, LinearGroup) and group.turns is not None
    return Window(group, WIDTH, "logistic", compact="haar" if turns else "window")


def _weighted(log_weight: Float[Tensor, " n"], values: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """The summands, through logarithms: weights may overflow where values vanish."""
    size = log_weight + values.abs().log()
    largest = size.max()
    if not bool(largest.isfinite()):
        return torch.zeros_like(values) if float(largest) < 0 else values * log_weight.exp()
    return values.sign() * (size - largest).exp() * largest.exp()


def _values(f: Callable[[Element], Tensor], g: Element, count: int) -> Tensor:
    values = f(g)
    if values.shape != (count,):
        raise ShapeError(f"f(g) of shape {tuple(values.shape)}", f"({count},)", "f maps a batch of elements to numbers")
    return values.double()
