"""Transformations that a model finds hard: draws with a density proportional to the loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DomainError, NonDeterministicError, ShapeError, counted
from isotropy.soft._transforms import TransformSet, chosen, joined, taken

SAMPLERS = ("mh", "sir", "uniform", "worst")
# Losses are compared by their ratio; two that are both below this are equally good (specification 09 §2.7).
LEAST = 1e-12


@dataclass(frozen=True, eq=False)
class Drawn:
    """The rows ``x`` as transformed by ``params``, their ``loss (B,)``, and ``acceptance``, the share of
    proposals accepted.

    ``first`` are the parameters proposed first, drawn from the law of the set itself, with ``first_loss (B,)``.
    """

    x: Tensor
    params: Any
    loss: Float[Tensor, " B"]
    acceptance: float
    first: Any
    first_loss: Float[Tensor, " B"]


def draw(
    loss: Callable[[Tensor, Any], Tensor],
    x: Tensor,
    y: Any,
    transforms: TransformSet,
    *,
    steps: int = 2,
    sampler: str = "mh",
    generator: torch.Generator | Sequence[torch.Generator],
    target: Callable[[Any, Any], Any] | None = None,
) -> Drawn:
    """One transformation for each row of x, the more likely the larger its loss.

    "mh" runs one chain of ``steps`` states for each row, with independent proposals of the set, accepted with
    probability ``min(1, l_new / l_old)``; its law tends to the density ``l / sum l``, and with two states, as
    published, is between uniform and that. "sir" picks one of ``steps`` proposals with that probability, "worst" the
    largest, "uniform" the first. ``loss(x, y)`` is ``(B,)`` and not negative; nothing is differentiated. With one
    generator for each row a batch is drawn exactly as its rows would be alone. ``target(t, y)`` moves y along.

    Raises DomainError for fewer than one step, an unknown sampler, a loss that is negative or not a number; ShapeError
    for a loss that is no ``(B,)`` or a transformation that changes the shape of x; NonDeterministicError for one that
    depends on chance. Source: Hounie, Chamon and Ribeiro, ICML 2023; specification 09 §2.2 and §2.3.

    >>> from isotropy.soft import GroupTransforms
    >>> x = torch.tensor([[1.0, 0.0]]).expand(1000, 2)
    >>> hard = draw(lambda x, y: (1 - x[:, 0]), x, None, GroupTransforms("SO(2)", "Vector"), steps=8,
    ...             generator=torch.Generator().manual_seed(0))
    >>> bool(hard.loss.mean() > 1.4), 0 < hard.acceptance < 1
    (True, True)
    """
    check_draws(steps, sampler)
    source = _Source(generator, len(x))
    with torch.no_grad():
        t = source.sample(transforms)
    traced = _refuse_chance(transforms, t, x)
    with torch.no_grad():
        moved = _applied(transforms, t, x)
        moved_y = (lambda t: y) if target is None else (lambda t: target(t, y))
        value, accepted = _loss(loss, moved, moved_y(t)), 0.0
        proposals, values = [t], [value]
        for _ in range(steps - 1 if sampler != "uniform" else 0):
            new = source.sample(transforms)
            moved_new = _applied(transforms, new, x)
            loss_new = _loss(loss, moved_new, moved_y(new))
            if sampler == "mh":
                accept = source.uniform().to(value) * value.clamp_min(LEAST) < loss_new.clamp_min(LEAST)
                t, value = chosen(accept, new, t), torch.where(accept, loss_new, value)
                moved = torch.where(accept.reshape(-1, *[1] * (x.ndim - 1)), moved_new, moved)
                accepted += float(accept.double().mean()) / (steps - 1)
            else:  # of many proposals the parameters are kept, not the rows
                proposals.append(new)
                values.append(loss_new)
        if sampler in ("sir", "worst"):
            t, value = _picked(sampler, proposals, torch.stack(values), source)
            moved = transforms.apply(t, x)
    if traced:
        moved = transforms.apply(t, x)
    return Drawn(moved, t, value, accepted if sampler == "mh" and steps > 1 else 1.0, proposals[0], values[0])


def check_draws(steps: int, sampler: str) -> None:
    """Raises DomainError for fewer than one step and for an unknown sampler."""
    if steps < 1:
        raise DomainError(f"steps={steps}", "at least 1", "two states, one accepted or not, is what is published")
    if sampler not in SAMPLERS:
        raise DomainError(f"sampler={sampler!r}", f"one of {', '.join(map(repr, SAMPLERS))}")


class _Source:
    """Chance for all rows at once, or from a generator for each."""

    def __init__(self, generator: torch.Generator | Sequence[torch.Generator], rows: int) -> None:
        self.generator, self.rows = generator, rows
        if not isinstance(generator, torch.Generator) and len(generator) != rows:
            raise ShapeError(counted(len(generator), "generator"), f"one, or {rows}: one for each row", "")

    def sample(self, transforms: TransformSet) -> Any:
        if isinstance(self.generator, torch.Generator):
            return transforms.sample(self.rows, self.generator)
        return joined([transforms.sample(1, each) for each in self.generator])

    def uniform(self) -> Float[Tensor, " B"]:
        how: dict[str, Any] = {"dtype": torch.float64}
        if isinstance(self.generator, torch.Generator):
            return torch.rand(self.rows, generator=self.generator, device=self.generator.device, **how)
        return torch.cat([torch.rand(1, generator=each, device=each.device, **how) for each in self.generator])


def _picked(
    sampler: str, proposals: list[Any], values: Float[Tensor, "T B"], source: _Source
) -> tuple[Any, Float[Tensor, " B"]]:
    if sampler == "worst":
        which = values.argmax(0)
    else:
        share = values.double().clamp_min(LEAST).cumsum(0)
        which = (source.uniform().to(share) * share[-1] >= share).sum(0).clamp_max(len(values) - 1)
    t = proposals[0]
    for i, proposal in enumerate(proposals):
        t = chosen(which == i, proposal, t)
    return t, values.gather(0, which[None])[0]


def _applied(transforms: TransformSet, t: Any, x: Tensor) -> Tensor:
    moved = transforms.apply(t, x)
    if moved.shape != x.shape:
        raise ShapeError(f"{transforms.name}: {tuple(x.shape)} to {tuple(moved.shape)}", "rows of one shape", "")
    return moved


def _refuse_chance(transforms: TransformSet, t: Any, x: Tensor) -> bool:
    """Refuses transformations that depend on chance; whether a gradient flows through them."""
    few = torch.arange(min(len(x), 2), device=x.device)
    one, other = (transforms.apply(taken(t, few), x[few]) for _ in range(2))
    if not torch.equal(one.nan_to_num(), other.nan_to_num()):
        hint = "draw in sample, where the generator is, and keep what was drawn in t"
        raise NonDeterministicError(f"{transforms.name}: two answers to one t", "a function of t and x", hint)
    return one.requires_grad


def _loss(loss: Callable[[Tensor, Any], Tensor], x: Tensor, y: Any) -> Float[Tensor, " B"]:
    value = loss(x, y)
    if value.shape != (len(x),):
        hint = 'reduction="none", then a mean over what is left of each row'
        raise ShapeError(
            f"a loss of shape {tuple(value.shape)}", f"one number for each of {counted(len(x), 'row')}", hint
        )
    good = (value >= 0) & value.isfinite()
    if not bool(good.all()):
        bad = int((~good).nonzero()[0])
        raise DomainError(f"a loss of {float(value[bad]):.3g} at row {bad}", "finite losses of at least 0", "")
    return value
