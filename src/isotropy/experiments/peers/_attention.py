"""The attention model for tours (Kool et al., ICLR 2019): cities are encoded once, then visited one by one."""

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

_CLIP = 10.0  # logits are clipped to [-10, 10]


class AttentionModel(nn.Module):
    """Encoder of ``layers`` attention blocks over cities ``(B, n, inputs)``, and a decoder that points at the next one.

    The query is made of the mean of all embeddings, the first city and the last one; one glimpse with ``heads`` heads,
    then a single head whose logits are clipped with tanh. Visited cities are masked. Invariant to nothing but the order
    of the cities. Source: Kool, van Hoof, Welling, ICLR 2019, §3; specification 08 §4.2.

    >>> model = AttentionModel(inputs=2, dim=8, layers=1, heads=2, hidden=16).eval()
    >>> model.greedy(torch.zeros(1, 4, 2), torch.tensor([[2]])).sort().values.tolist()
    [[[0, 1, 2, 3]]]
    """

    def __init__(self, inputs: int = 2, dim: int = 64, layers: int = 2, heads: int = 4, hidden: int = 256) -> None:
        super().__init__()
        self.embed = nn.Linear(inputs, dim)
        self.blocks = nn.ModuleList(AttentionBlock(dim, heads, hidden) for _ in range(layers))
        self.of_all, self.of_first, self.of_last = (nn.Linear(dim, dim, bias=False) for _ in range(3))
        self.glimpse = Heads(dim, heads)
        self.key = nn.Linear(dim, dim, bias=False)

    def encode(self, x: Float[Tensor, "B n c"]) -> Float[Tensor, "B n dim"]:
        """Embeddings of the cities."""
        h = self.embed(x)
        for block in self.blocks:
            h = block(h)
        return h

    def logits(
        self, h: Float[Tensor, "B n dim"], tour: Int[Tensor, "B s"], visited: Bool[Tensor, "B s n"]
    ) -> Float[Tensor, "B s n"]:
        """Logits of the city after each of the first s of ``tour``, -inf where visited."""
        cities = h.gather(1, tour[:, :, None].expand(-1, -1, h.shape[2]))
        query = self.of_all(h.mean(1, keepdim=True)) + self.of_first(cities[:, :1]) + self.of_last(cities)
        query = self.glimpse(query, h, visited)
        score = query @ self.key(h).mT / math.sqrt(h.shape[2])
        return (_CLIP * score.tanh()).masked_fill(visited, -torch.inf)

    def forward(self, x: Float[Tensor, "B n c"], tour: Int[Tensor, "B n"]) -> Float[Tensor, " B"]:
        """Minus the log-likelihood of ``tour`` given its first city, per step."""
        n = tour.shape[1]
        steps = tour[:, :-1]
        visited = nn.functional.one_hot(steps, n).cumsum(1).bool()
        logs = self.logits(self.encode(x), steps, visited).log_softmax(2)
        return -logs.gather(2, tour[:, 1:, None]).squeeze(2).mean(1)

    @torch.no_grad()
    def greedy(self, x: Float[Tensor, "B n c"], start: Int[Tensor, "B k"]) -> Int[Tensor, "B k n"]:
        """The tours from k cities of each instance that always go on to the likeliest city."""
        B, k = start.shape
        h = self.encode(x).repeat_interleave(k, 0)
        tour = start.reshape(B * k, 1)
        visited = nn.functional.one_hot(tour, x.shape[1]).bool()
        for _ in range(x.shape[1] - 1):
            ends = torch.stack([tour[:, 0], tour[:, -1]], 1)
            # The query knows the first and the last city only: two steps stand for all that were made.
            logits = self.logits(h, ends, visited.expand(-1, 2, -1))[:, 1]
            following = logits.argmax(1, keepdim=True)
            tour = torch.cat([tour, following], 1)
            visited = visited.scatter(2, following[:, None], True)
        return tour.view(B, k, -1)


class AttentionBlock(nn.Module):
    """Attention over cities and a layer for each, with skips and batch statistics over all cities of a batch."""

    def __init__(self, dim: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.attend = Heads(dim, heads)
        self.each = nn.Sequential(nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, dim))
        self.norms = nn.ModuleList(nn.BatchNorm1d(dim) for _ in range(2))

    def forward(self, h: Float[Tensor, "B n dim"]) -> Float[Tensor, "B n dim"]:
        h = _normalised(self.norms[0], h + self.attend(h, h))
        return _normalised(self.norms[1], h + self.each(h))


class Heads(nn.Module):
    """Multi-head attention of queries ``(B, s, dim)`` to cities ``(B, n, dim)``, without biases."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(dim, dim, bias=False) for _ in range(4))

    def forward(
        self, query: Float[Tensor, "B s dim"], h: Float[Tensor, "B n dim"], hidden: Bool[Tensor, "B s n"] | None = None
    ) -> Float[Tensor, "B s dim"]:
        q, k, v = (
            part.unflatten(2, (self.heads, -1)).transpose(1, 2)
            for part in (self.query(query), self.key(h), self.value(h))
        )
        score = q @ k.mT / math.sqrt(q.shape[-1])
        if hidden is not None:
            score = score.masked_fill(hidden[:, None], -torch.inf)
        return self.out((score.softmax(-1) @ v).transpose(1, 2).flatten(2))


def _normalised(norm: nn.Module, h: Tensor) -> Tensor:
    return norm(h.flatten(0, 1)).view_as(h)
