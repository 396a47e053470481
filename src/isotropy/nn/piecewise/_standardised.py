"""Numbers of clouds about their mean and in units of their deviation, as they were seen in training."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DomainError
from isotropy.modes import Remembering

_LEAST = 1e-5
"""Deviations below it are none."""


class Standardised(Remembering):
    """``standardised(x (clouds, c))``: each number less its mean, over its deviation, of the clouds seen in training.

    What clouds have in common is nearly all of a mean over their points, and what tells one from another a hundredth of
    it: a network on such means sees one cloud only. Means and deviations are those of about the last ``memory`` calls
    in training, and not of one batch, so that a batch may be a single cloud and no cloud changes what is said of
    another. Before the first call in training nothing is changed. Clouds count by ``weight (clouds,)`` where given.

    Raises DomainError in training for rows that are not finite, which would stay in the averages.

    >>> norm = Standardised(1)
    >>> seen = [norm(torch.tensor([[7.0], [9.0]])) for _ in range(3)]
    >>> norm.eval()(torch.tensor([[8.0], [9.0]])).tolist()
    [[0.0], [1.0]]
    """

    mean: Tensor
    variance: Tensor
    calls: Tensor

    def __init__(self, channels: int, memory: int = 10) -> None:
        super().__init__()
        self.memory = memory
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))
        self.register_buffer("calls", torch.tensor(0))

    def forward(self, x: Float[Tensor, "clouds c"], weight: Float[Tensor, " clouds"] | None = None) -> Tensor:
        if self.training and len(x):
            self._see(x.detach(), x.new_ones(len(x)) if weight is None else weight.detach().to(x))
        deviation = self.variance.sqrt()
        return (x - self.mean) / torch.where(deviation > _LEAST, deviation, 1.0)

    @torch.no_grad()
    def _see(self, x: Float[Tensor, "clouds c"], weight: Float[Tensor, " clouds"]) -> None:
        """The first calls count alike, from then on old ones less and less."""
        bad = (~x.isfinite()).any(1).nonzero().flatten()
        if len(bad):
            raise DomainError(
                f"numbers of cloud {int(bad[0])} that are not finite, in training", "finite ones",
                "a smaller learning rate, or clip=1.0 of fit, where weights have grown without bound",
            )  # fmt: skip
        self.calls += 1
        share = 1 / self.calls.clamp_max(self.memory).to(x)
        each = weight / weight.sum()
        mean = each @ x
        apart = (mean - self.mean).square() if int(self.calls) > 1 else torch.zeros_like(mean)
        # Of two collections the variance is the mean of theirs, and what their means are apart.
        self.variance.copy_((1 - share) * (self.variance + share * apart) + share * (each @ (x - mean).square()))
        self.mean.lerp_(mean, share)
