"""Multiplier rules: frozen settings, one small state, three verbs; fixed, dual ascent, the one-shot ratio schedule."""

import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from isotropy.errors import DomainError, InfeasibleWarning, ShapeError

Values = Float[Tensor, " J"]
PenaltyFunction = Callable[[nn.Module, Any, Generator | None], Tensor]


@dataclass(frozen=True)
class StepInfo:
    """What the training loop tells a constraint after a step or an epoch; both counts start at 0.

    ``loss`` is the training loss (mean squared error per output), ``n`` the number of training rows, ``validation``
    the same loss on held-out rows where there are any.

    >>> StepInfo(epoch=0, step=9, loss=0.5, n=100, model=torch.nn.Linear(2, 1)).validation is None
    True
    """

    epoch: int
    step: int
    loss: float
    n: int
    model: nn.Module
    validation: float | None = None


@dataclass(frozen=True)
class RuleView:
    """All that a rule may look at: the loop's news, the penalty and its last values ``(J,)``, the last batch."""

    info: StepInfo
    penalty: PenaltyFunction
    values: Values
    bound: Values
    batch: Any
    generator: Generator | None

    def evaluate(self) -> Values:
        """The penalties ``(J,)`` of the model as it is now, in float64."""
        with torch.no_grad():
            return as_values(self.penalty(self.info.model, self.batch, self.generator))


@dataclass(frozen=True)
class RuleState:
    """The multiplier ``(J,)`` (float64, on the CPU) with what its rule remembers, in plain numbers and lists."""

    multiplier: Values
    settled: bool = False
    memory: dict[str, Any] = field(default_factory=dict[str, Any])


class Rule(ABC):
    """How multipliers follow their penalties; a rule is frozen, its state is passed in and a new one comes out."""

    watches = False  # whether it moves after each step, so that the penalty is evaluated even at multiplier zero
    needs_rows = False  # whether it reads the loss as a mean over rows, which a loss of whole batches is not

    @abstractmethod
    def begin(self, count: int) -> RuleState:
        """The state before training, for ``count`` penalties."""

    def after_step(self, state: RuleState, view: RuleView) -> RuleState:
        """The state after an optimiser step."""
        return state

    def after_epoch(self, state: RuleState, view: RuleView) -> RuleState:
        """The state after an epoch."""
        return state


def as_values(values: Tensor) -> Values:
    """Penalties ``()`` or ``(J,)`` as a detached float64 vector on the CPU."""
    return values.detach().to(device="cpu", dtype=torch.float64).reshape(-1)


def per_penalty(given: float | Sequence[float] | Tensor, count: int, what: str) -> Values:
    """One number for all penalties, or one for each: a float64 vector ``(J,)``, none of them negative or NaN.

    >>> per_penalty(0.5, 3, "start").tolist()
    [0.5, 0.5, 0.5]
    """
    values = torch.as_tensor(given, dtype=torch.float64).detach().cpu()
    if values.dim() > 1 or (values.dim() == 1 and values.numel() != count):
        raise ShapeError(
            f"{what} of shape {tuple(values.shape)}", f"one number or {count}", "one entry for each penalty"
        )
    if not bool((values >= 0).all()):
        raise DomainError(f"{what} = {values.tolist()}", "numbers >= 0")
    return values.expand(count).clone()


@dataclass(frozen=True)
class Fixed(Rule):
    """A constant weight on each penalty: one number, or one for each.

    >>> Fixed(0.1).begin(2).multiplier.tolist()
    [0.1, 0.1]
    """

    weight: float | Sequence[float]

    def begin(self, count: int) -> RuleState:
        return RuleState(per_penalty(self.weight, count, "weight"), settled=True)


@dataclass(frozen=True)
class Ascent(Rule):
    """Dual ascent: ``m <- max(0, m + lr (penalty - bound))`` after each step, so that m is the price of the bound.

    It begins at ``start``. ``proportional`` adds ``k (penalty - bound)`` to the multiplier in use (a PI controller:
    less oscillation), ``cap`` limits it. ``patience`` epochs that raise the multiplier while the violation does not
    fall warn ``InfeasibleWarning`` once; ``resilience`` gives way instead: the bound is ``bound + resilience * m``.
    On a feasible bound the settled multiplier is the sensitivity -d optimum / d bound.
    Source: Chamon, Ribeiro, NeurIPS 2020; resilient constraints: Hounie, Ribeiro, Chamon, NeurIPS 2023.

    >>> Ascent(lr=0.1).begin(1).multiplier.tolist()
    [0.0]
    """

    lr: float = 1e-4
    start: float | Sequence[float] = 0.0
    cap: float | None = None
    proportional: float = 0.0
    patience: int = 3
    resilience: float = 0.0

    watches = True

    def __post_init__(self) -> None:
        signs = self.lr > 0 and self.proportional >= 0 and self.resilience >= 0 and self.patience >= 2
        if not (signs and (self.cap is None or self.cap > 0)):
            raise DomainError(f"{self}", "lr > 0, proportional, resilience >= 0, patience >= 2, cap > 0 or None")

    def begin(self, count: int) -> RuleState:
        start = per_penalty(self.start, count, "start")
        memory: dict[str, Any] = {"integral": start.tolist(), "integral_before": start.tolist(), "sum": [0.0] * count}
        memory |= {"steps": 0, "epochs": 0, "recent": [], "warned": False}
        return RuleState(start, memory=memory)

    def after_step(self, state: RuleState, view: RuleView) -> RuleState:
        given_way = self.resilience * state.multiplier if self.resilience else 0.0
        violation = view.values - view.bound - given_way
        integral = self._clip(torch.tensor(state.memory["integral"], dtype=torch.float64) + self.lr * violation)
        memory = state.memory | {
            "integral": integral.tolist(),
            "sum": (torch.tensor(state.memory["sum"], dtype=torch.float64) + violation).tolist(),
            "steps": state.memory["steps"] + 1,
        }
        return replace(state, multiplier=self._clip(integral + self.proportional * violation), memory=memory)

    def after_epoch(self, state: RuleState, view: RuleView) -> RuleState:
        memory, steps = dict(state.memory), max(state.memory["steps"], 1)
        mean = [total / steps for total in memory["sum"]]
        integral, before = memory["integral"], memory["integral_before"]
        each = list(zip(integral, before, mean, view.bound.tolist(), strict=True))
        rising = any((now > then or now == self.cap) and v > 0 for now, then, v, _ in each)
        recent = [*memory["recent"], [max(mean), view.info.loss]][-self.patience :] if rising else []
        stuck = len(recent) == self.patience and _stuck(recent)
        still = all(
            abs(now - then) <= 0.01 * max(now, then) and not (now == self.cap and v > _MET * bound)
            for now, then, v, bound in each
        )
        if stuck and not memory["warned"]:
            memory["warned"] = True
            warnings.warn(
                f"bound {view.bound.tolist()} looks out of reach: violation {max(mean):.3g} has not fallen for "
                f"{self.patience} epochs while the multiplier grew to {max(integral):.3g}; raise the bound, or "
                "set cap= or resilience=",
                InfeasibleWarning,
                stacklevel=2,
            )
        # Kept with room to spare: what an epoch has to spare would take the multiplier to zero from either of its ends.
        spare = [
            v <= 0 and max(now, then) <= -self.lr * total
            for (now, then, v, _), total in zip(each, memory["sum"], strict=True)
        ]
        met = all(abs(v) <= _MET * bound or free for (_, _, v, bound), free in zip(each, spare, strict=True))
        # One epoch tells nothing of rest, but that a bound was never missed.
        settled = (memory["epochs"] > 0 or not any(integral)) and (still or met) and not stuck
        memory |= {"sum": [0.0] * len(mean), "steps": 0, "integral_before": integral, "recent": recent}
        return replace(state, settled=settled, memory=memory | {"epochs": memory["epochs"] + 1})

    def _clip(self, multiplier: Values) -> Values:
        return multiplier.clamp(min=0.0, max=math.inf if self.cap is None else self.cap)


# A multiplier that follows batches never rests to the last per cent; a bound that is met to this share of itself over
# an epoch holds, and the multiplier is its price.
_MET = 0.05


def _stuck(recent: list[list[float]]) -> bool:
    """Whether in epochs of rising multipliers neither the violation fell, by one per cent of itself, nor the loss.

    A loss that still falls by as much says that the model is on its way, and its violation may fall later.
    """
    (first, loss), (last, loss_now) = recent[0], recent[-1]
    return last > 0.99 * first and loss - loss_now <= 0.01 * last


@dataclass(frozen=True)
class Ratio(Rule):
    """The one-shot schedule of Kim et al. (ICML 2023): at epoch ``at`` weaken each group by what it could not obey.

    ``m_j <- m_j / (R_j / min R)^power`` with R the whole vector of penalties at the last epoch, among the ``window``
    before ``at`` less its first ``skip``, where any entry fell below its stored value; the minimum runs over the
    penalties with m != 0, and a zero multiplier stays zero (§2.4).

    >>> Ratio(at=2000, power=2, start=(0, 100, 100)).begin(3).multiplier.tolist()
    [0.0, 100.0, 100.0]
    """

    at: int
    power: float
    start: float | Sequence[float] = 1.0
    window: int = 100
    skip: int = 50

    def __post_init__(self) -> None:
        if not 0 <= self.skip < min(self.at, self.window):
            raise DomainError(
                f"at={self.at}, window={self.window}, skip={self.skip}",
                "0 <= skip < min(at, window)",
                "on a short schedule lower window and skip",
            )

    def begin(self, count: int) -> RuleState:
        start = per_penalty(self.start, count, "start")
        return RuleState(start, memory={"evaluations": 0, "lowest": None})

    def after_epoch(self, state: RuleState, view: RuleView) -> RuleState:
        epoch = view.info.epoch
        if not self.at - self.window <= epoch < self.at:
            return state
        memory = dict(state.memory)
        memory["evaluations"] += 1
        if memory["evaluations"] > self.skip:
            values = view.evaluate().tolist()
            lowest = memory["lowest"]
            if lowest is None or any(now < then for now, then in zip(values, lowest, strict=True)):
                memory["lowest"] = values
        if epoch < self.at - 1:
            return replace(state, memory=memory)
        lowest = torch.tensor(memory["lowest"], dtype=torch.float64)
        return RuleState(ratio_update(state.multiplier, lowest, self.power), settled=True, memory=memory)


def ratio_update(multiplier: Values, lowest: Values, power: float) -> Values:
    """``m_j / (R_j / min R)^power`` over the penalties with ``m != 0``, the others left at zero (§2.4).

    >>> ratio_update(torch.tensor([0.0, 1.0, 1.0]).double(), torch.tensor([9.0, 2.0, 4.0]).double(), 2.0).tolist()
    [0.0, 1.0, 0.25]
    """
    live = multiplier != 0
    if not bool(live.any()):
        return multiplier
    least = lowest[live].min()
    # A penalty that reached exactly zero is its own unit; whatever did not reach it is then infinitely worse.
    ratio = torch.where(lowest == least, torch.ones_like(lowest), lowest / least)
    return torch.where(live, multiplier / ratio**power, multiplier)
