"""A learned distribution of orders: noisy scores of the points, sorted; and its relaxation, for training."""

from collections import OrderedDict
from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from isotropy.errors import DomainError, SchemaError, ShapeError
from isotropy.frames._padded import check_finite
from isotropy.frames.learned._poses import fresh
from isotropy.groups import DiscreteMeasure, S, permutation_matrix
from isotropy.linalg import Segments
from isotropy.settings import Settled


class ProbabilisticOrderFrame(Settled):
    """``num_samples`` draws from a learned distribution on S(n): scores of the points, from features and noise, sorted.

    The noise is ``channels`` normal numbers of deviation ``scale`` at each of ``n`` points, its law invariant under
    permutations, so that the law of the draws is equivariant, also where points are equal. ``net`` maps ``(rows, n,
    features + channels) -> (rows, n)`` and commutes with permutations: DeepScores(features + channels) is one. Draws
    from ``seed`` as in ProbabilisticFrame: anew in train mode, the same in eval mode. Sorting has no derivative;
    ``soft`` has, at ``temperature``.

    Call with ``x (B, n, features)``. Raises SchemaError for segments, ShapeError, DtypeError and DomainError for wrong
    input. Source: Kim et al., NeurIPS 2023, probabilistic symmetrization, §2.3; specification 03 §2.9.

    >>> frame = ProbabilisticOrderFrame(5, DeepScores(2 + 1), num_samples=3)
    >>> frame(torch.ones(4, 5, 2)).g.shape
    torch.Size([4, 3, 5])
    """

    def __init__(
        self,
        n: int,
        net: nn.Module,
        num_samples: int = 20,
        *,
        channels: int = 1,
        scale: float = 1.0,
        temperature: float = 0.1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if num_samples < 1 or not temperature > 0:
            raise DomainError(f"num_samples={num_samples}, temperature={temperature}", "positive ones")
        self.group = S(n)
        self.net, self.num_samples, self.channels, self.scale = net, num_samples, channels, scale
        self.temperature, self.seed = temperature, seed
        self.register_buffer("draws", torch.zeros((), dtype=torch.int64))
        self.draws: Tensor
        self.seen: OrderedDict[tuple[Any, ...], list[int]] = OrderedDict()

    def forward(self, x: Shaped[Tensor, "B n c"], segments: Segments | None = None) -> DiscreteMeasure:
        if segments is not None:
            raise SchemaError("segments", "dense sets (B, n, c): permutations act on whole axes", "segments.pad(x)")
        order = self._scores(x).argsort(dim=-1)
        weight = -x.new_full(order.shape[:2], self.num_samples).log()
        none = torch.zeros(len(x), dtype=torch.bool, device=x.device)
        return DiscreteMeasure(order, weight, exact=False, degenerate=none)

    def settings(self) -> dict[str, Any]:
        return {"n": self.group.n, "scale": self.scale, "channels": self.channels}

    def soft(self, x: Float[Tensor, "B n c"]) -> tuple[Float[Tensor, "B F n n"], Float[Tensor, "B F n n"]]:
        """Matrices P with ``P x = g^-1.x`` for draws as a call makes them, and their relaxation.

        The first are permutations that hand derivatives to the second (straight through); rows of the second are
        ``softmax(-|sorted score - score| / temperature)``. Source: Prillo and Eisenschlos, ICML 2020, SoftSort.
        """
        scores = self._scores(x)
        order = scores.argsort(dim=-1)
        sorted_scores = scores.gather(-1, order)
        soft = (-(sorted_scores[..., :, None] - scores[..., None, :]).abs() / self.temperature).softmax(-1)
        hard = permutation_matrix(order, x.dtype).mT
        return hard + soft - soft.detach(), soft

    def _scores(self, x: Tensor) -> Float[Tensor, "B F n"]:
        if x.ndim != 3 or x.shape[1] != self.group.n:
            raise ShapeError(f"x of shape {tuple(x.shape)}", f"(B, {self.group.n}, features)")
        noise = self.scale * fresh(self, (self.num_samples, *x.shape[:2], self.channels), x)
        check_finite("coordinates", x, None)
        many = torch.cat([x.expand(self.num_samples, *x.shape), noise], -1).flatten(0, 1)
        scores: Tensor = self.net(many)
        if scores.shape != many.shape[:2]:
            raise ShapeError(f"scores of shape {tuple(scores.shape)}", f"{tuple(many.shape[:2])} from the network")
        return scores.unflatten(0, (self.num_samples, len(x))).transpose(0, 1)


class DeepScores(nn.Module):
    """A number for each point, ``(rows, n, features) -> (rows, n)``, from the point and the mean of all.

    Source: Zaheer et al., NeurIPS 2017, deep sets.

    >>> DeepScores(3)(torch.ones(2, 5, 3)).shape
    torch.Size([2, 5])
    """

    def __init__(self, features: int, hidden: int = 32) -> None:
        super().__init__()
        self.first = nn.Linear(features, hidden)
        self.second = nn.Linear(2 * hidden, hidden)
        self.last = nn.Linear(hidden, 1)

    def forward(self, x: Float[Tensor, "rows n c"]) -> Float[Tensor, "rows n"]:
        h = torch.tanh(self.first(x))
        h = torch.tanh(self.second(torch.cat([h, h.mean(1, keepdim=True).expand_as(h)], -1)))
        return self.last(h)[..., 0]


def order_entropy(soft: Float[Tensor, "*batch n n"]) -> Float[Tensor, ""]:
    """The mean entropy of the rows and of the columns of soft permutations, in nats; 0 for permutations.

    A penalty that keeps the relaxation near them. Source: Kim et al., NeurIPS 2023; specification 03 §2.9.

    >>> order_entropy(torch.full((1, 2, 2), 0.5)), order_entropy(torch.eye(2)[None])
    (tensor(0.6931), tensor(0.))
    """
    columns = soft / soft.sum(-2, keepdim=True).clamp_min(1e-30)
    return (_entropy(soft).sum(-1).mean() + _entropy(columns).sum(-2).mean()) / 2


def _entropy(p: Tensor) -> Tensor:
    # The derivative of p log p at 0 is infinite; entries that underflowed have none.
    return torch.special.entr(torch.where(p > 0, p, 1.0))
