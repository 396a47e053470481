"""Strengths from held-out rows: the hypergradient of the validation loss with respect to the multipliers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from isotropy.errors import DomainError
from isotropy.soft._rules import Rule, RuleState, RuleView, Values, per_penalty


def squared_error(model: nn.Module, batch: Any) -> Tensor:
    """The mean squared error over rows and outputs of a batch ``(x, y)``, a scalar.

    >>> squared_error(nn.Identity(), (torch.ones(2, 1), torch.zeros(2, 1))).item()
    1.0
    """
    x, y = batch[0], batch[1]
    return (model(x) - y).square().mean()


@dataclass(frozen=True)
class Bilevel(Rule):
    """Every ``every`` steps moves log m_j against the sign of ``d L_val / d log m_j`` on the batch ``validation``.

    Multipliers begin at ``start``; L_val is the mean of ``loss(model, batch)``, by default the squared error.
    The step starts at ``lr``, grows by 1.2 while the sign stays and halves when it turns (Rprop), since the size of
    this slope says little: it is proportional to m_j itself where m_j is small. Settled once all steps are below 5 %.
    At a minimum w*(m) of the training loss, ``dL_val/dm_j = - grad L_val . H^-1 grad penalty_j`` with H the
    Hessian of the whole training objective on the last batch; ``H^-1 v`` is the Neumann series
    ``a sum_{k <= terms} (1 - a H)^k v`` with ``a = step``, smaller than 2 over the largest eigenvalue; ``terms=0`` is
    the one-step approximation. A multiplier that starts at zero stays zero; all others stay in ``limits``.
    Source: Lorraine, Vicol, Duvenaud, AISTATS 2020; one step: Luketina et al., ICML 2016.

    >>> Bilevel(validation=(torch.ones(2, 1), torch.ones(2, 1))).begin(2).multiplier.tolist()
    [0.01, 0.01]
    """

    validation: Any
    loss: Callable[[nn.Module, Any], Tensor] = squared_error
    every: int = 10
    lr: float = 0.5
    start: float | Sequence[float] = 1e-2
    terms: int = 5
    step: float = 1e-2
    limits: tuple[float, float] = (1e-8, 1e8)

    watches = True

    def __post_init__(self) -> None:
        if not (self.every > 0 and self.lr > 0 and self.terms >= 0 and self.step > 0):
            raise DomainError(
                f"every={self.every}, lr={self.lr}, terms={self.terms}, step={self.step}", "positive ones"
            )

    def begin(self, count: int) -> RuleState:
        memory = {"steps": 0, "slope": [0.0] * count, "stride": [float(self.lr)] * count}
        return RuleState(per_penalty(self.start, count, "start"), memory=memory)

    def after_step(self, state: RuleState, view: RuleView) -> RuleState:
        memory = state.memory | {"steps": state.memory["steps"] + 1}
        if memory["steps"] % self.every:
            return replace(state, memory=memory)
        slope = self.slope(state.multiplier, view)
        agree = slope.sign() * torch.tensor(memory["slope"], dtype=torch.float64).sign()
        stride = torch.tensor(memory["stride"], dtype=torch.float64)
        stride = torch.where(agree > 0, 1.2 * stride, torch.where(agree < 0, 0.5 * stride, stride)).clamp(max=1.0)
        live = state.multiplier > 0
        moved = (state.multiplier * torch.exp(-stride * slope.sign())).clamp(*self.limits)
        moved = torch.where(live, moved, state.multiplier)
        resting = (stride < 0.05) | (moved == state.multiplier)
        memory |= {"slope": slope.tolist(), "stride": stride.tolist()}
        return replace(state, multiplier=moved, settled=bool(resting.all()), memory=memory)

    def slope(self, multiplier: Values, view: RuleView) -> Values:
        """``d log L_val / d log m_j`` at the present weights, taken for a minimum of the training objective."""
        model = view.info.model
        parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        with torch.enable_grad():
            held_out = self.loss(model, self.validation).mean()
            direction = _gradient(held_out, parameters)
            penalties = view.penalty(model, view.batch, view.generator).reshape(-1)
            weights = multiplier.to(penalties)
            inverse = direction
            if self.terms:
                objective = self.loss(model, view.batch).mean() + (weights * penalties).sum()
                first = _gradient(objective, parameters, create_graph=True)
                power = direction
                for _ in range(self.terms):
                    power = power - self.step * _gradient(first @ power, parameters)
                    inverse = inverse + power
            inverse = self.step * inverse
            # One reverse pass for all penalties: the derivative of their gradients along H^-1 v.
            probe = torch.zeros_like(penalties, requires_grad=True)
            mixed = _gradient((probe * penalties).sum(), parameters, create_graph=True)
            found = torch.autograd.grad(mixed @ inverse, probe)[0]
        return -(found * weights / held_out.detach()).detach().cpu().double()


def _gradient(scalar: Tensor, parameters: Sequence[Tensor], create_graph: bool = False) -> Tensor:
    grads = torch.autograd.grad(
        scalar, parameters, create_graph=create_graph, retain_graph=True, allow_unused=True, materialize_grads=True
    )
    return torch.cat([grad.reshape(-1) for grad in grads])
