"""Rules that learn strengths: from the evidence, and from held-out rows.

Evidence gives each complement the precision that its own weights ask for (MacKay's update); Bilevel follows the
hypergradient of the validation loss with respect to the multipliers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from isotropy.errors import DomainError
from isotropy.soft._functional import rows
from isotropy.soft._projection import ProjectionPenalty
from isotropy.soft._rules import Rule, RuleState, RuleView, Values, per_penalty


@dataclass(frozen=True)
class Evidence(Rule):
    """Type-II likelihood: every ``every`` epochs ``m_j <- gamma_j sigma^2 / (n q penalty_j)``, damped on a log scale.

    The penalty is read as a Gaussian prior of precision beta_j on complement j of the weights, the loss (mean squared
    error over n rows and q outputs) as a Gaussian likelihood of variance sigma^2, so that
    ``m_j = 2 sigma^2 beta_j / (n q scale_j)``. gamma_j counts the directions of the complement that the data determine:
    ``beta_j tr[(M^+ - (H + M)^+) P_j]`` with P_j the complement's projector, ``M = sum_k beta_k P_k`` the joint
    precision of overlapping complements and H the Gauss-Newton curvature, its diagonal estimated on the last batch by
    ``probes`` random projections and averaged within each block. sigma^2 is the loss on validation rows where the loop
    has them, else on the training rows. A multiplier that starts at zero stays zero; all others stay within ``limits``.
    Needs a ``ProjectionPenalty`` of distance "mse". Source: MacKay, Neural Computation 4 (1992); §3.6.3.

    >>> Evidence(every=20, start=(0.0, 1e-2)).begin(2).multiplier.tolist()
    [0.0, 0.01]
    """

    every: int = 20
    damping: float = 0.5
    start: float | Sequence[float] = 1e-2
    limits: tuple[float, float] = (1e-8, 1e8)
    probes: int = 4

    needs_rows = True

    def __post_init__(self) -> None:
        if not (self.every > 0 and 0 < self.damping <= 1 and 0 < self.limits[0] < self.limits[1] and self.probes > 0):
            raise DomainError(f"{self}", "every, probes > 0, 0 < damping <= 1, 0 < low < high")

    def begin(self, count: int) -> RuleState:
        return RuleState(per_penalty(self.start, count, "start"))

    def after_epoch(self, state: RuleState, view: RuleView) -> RuleState:
        if (view.info.epoch + 1) % self.every:
            return state
        penalty = view.penalty
        if not isinstance(penalty, ProjectionPenalty) or penalty.distance != "mse":
            raise DomainError(f"Evidence on {type(penalty).__name__}", "ProjectionPenalty(..., distance='mse')")
        variance = float(view.info.loss if view.info.validation is None else view.info.validation)
        curvature, outputs = gauss_newton_diagonal(penalty, view, self.probes)
        terms = view.info.n * outputs
        live = state.multiplier > 0
        precision = terms * state.multiplier * penalty.scale / (2 * max(variance, 1e-300))
        gamma = determined(penalty, curvature / max(variance, 1e-300), precision)
        values = view.evaluate()
        wanted = (gamma * variance / (terms * values.clamp(min=1e-300))).clamp(*self.limits)
        # Where the data determine nothing (or nothing is left to shrink) the old strength is as good as any.
        wanted = torch.where(live & (gamma > 0), wanted, state.multiplier)
        moved = state.multiplier ** (1 - self.damping) * wanted**self.damping
        moved = torch.where(live, moved, state.multiplier)
        change = torch.where(live, (moved / state.multiplier).log().abs(), 0.0)
        memory = state.memory | {"effective": gamma.tolist(), "variance": variance}
        return replace(state, multiplier=moved, settled=bool((change < 0.05).all()), memory=memory)


def gauss_newton_diagonal(penalty: ProjectionPenalty, view: RuleView, probes: int) -> tuple[Float[Tensor, " P"], int]:
    """The diagonal of ``sum over rows and outputs of (df/dw)^2`` for the flat penalised weights, and the outputs q.

    For v ~ N(0, 1) on rows and outputs, E (grad <v, f>)^2 is that diagonal; scaled from the batch to all n rows.
    """
    x, model = rows(view.batch), view.info.model
    parameters = penalty.parameters(model)
    total = torch.zeros(sum(parameter.numel() for parameter in parameters), dtype=torch.float64)
    with torch.enable_grad():
        y, generator = model(x), view.generator or torch.default_generator
        for probe in range(probes):
            v = torch.randn(y.shape, generator=generator, dtype=y.dtype, device=generator.device).to(y.device)
            grads = torch.autograd.grad((v * y).sum(), parameters, retain_graph=probe + 1 < probes)
            total += torch.cat([grad.reshape(-1) for grad in grads]).cpu().double().square()
    return total * view.info.n / (probes * len(x)), y.shape[-1]


def determined(penalty: ProjectionPenalty, curvature: Float[Tensor, " P"], precision: Values) -> Values:
    """gamma_j: how many directions of complement j the data determine, given the curvature of the flat weights.

    Within a block (one pair of copies) the curvature is replaced by its mean, so that H and M share eigenvectors.
    """
    complement = penalty.complement
    ordered = curvature[complement.order]
    gamma = torch.zeros(len(precision), dtype=torch.float64)
    for kind in complement.kinds:
        joint = torch.zeros_like(kind.complements[0])
        for amount, projector in zip(precision, kind.complements, strict=True):
            joint.add_(projector, alpha=float(amount))
        values, vectors = torch.linalg.eigh(joint)
        # |P_j v|^2 of each eigenvector, through the few columns of the equivariant basis.
        shares = torch.stack([1 - (basis.mT @ vectors).square().sum(0) for basis in kind.basis])
        h = ordered[kind.start : kind.stop].view(kind.count, kind.size).mean(1)
        bound = values > 1e-12 * values.max().clamp(min=1e-300)
        mu = torch.where(bound, values, 1.0)
        gain = torch.where(bound, (h[:, None] / (mu * (h[:, None] + mu))).sum(0), 0.0)
        gamma += precision * (shares @ gain)
    return gamma


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
