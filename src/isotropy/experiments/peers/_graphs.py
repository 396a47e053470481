"""Networks on padded graphs, dense: message passing that no permutation changes, and two that read the order."""

from collections.abc import Callable
from itertools import pairwise

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

Layer = Callable[[int, int], nn.Module]


class Stack(nn.Module):
    """Three layers of 64 features with tanh, the sum over vertices, and ``out`` numbers for each graph.

    ``layer(a, b)`` makes a module ``(A, h, mask) -> h``; with ``ids`` the number of each vertex, one-hot, joins its
    features, which makes the network depend on their order. Source: Balcilar et al., ICML 2021, §5.
    """

    def __init__(self, layer: Layer, features: int, out: int, *, ids: int = 0, width: int = 64) -> None:
        super().__init__()
        widths = [features + ids, width, width, width]
        self.layers = nn.ModuleList(layer(a, b) for a, b in pairwise(widths))
        self.last, self.ids = nn.Linear(width, out), ids

    def forward(
        self, A: Float[Tensor, "B n n"], X: Float[Tensor, "B n c"], sizes: Int[Tensor, " B"]
    ) -> Float[Tensor, "B out"]:
        mask = vertices(A, sizes)
        if self.ids:
            X = torch.cat([X, torch.eye(A.shape[1], self.ids).to(X).expand(len(X), -1, -1)], -1) * mask
        for layer in self.layers:
            X = torch.tanh(layer(A, X, mask)) * mask
        return self.last(X.sum(1))


class Flat(nn.Module):
    """A plain network of ``hidden`` and ``hidden`` features on all entries of A and X: it depends on the order."""

    def __init__(self, n: int, features: int, out: int, hidden: int = 64) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(n * (n + features), hidden),
            nn.Tanh(),
            nn.Linear(hidden, hidden),
            nn.Tanh(),
            nn.Linear(hidden, out),
        )

    def forward(
        self, A: Float[Tensor, "B n n"], X: Float[Tensor, "B n c"], sizes: Int[Tensor, " B"]
    ) -> Float[Tensor, "B out"]:
        return self.layers(torch.cat([A.flatten(1), X.flatten(1)], 1))


class Isomorphism(nn.Module):
    """GIN: MLP(h_i + sum of neighbours) (Xu et al., ICLR 2019, eq. 4.1, epsilon 0)."""

    def __init__(self, a: int, b: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(a, b), nn.Linear(b, b)

    def forward(self, A: Tensor, h: Tensor, mask: Tensor) -> Tensor:
        # (h + A h) W = (1 + A) (h W), at the cheaper width.
        h = h @ self.first.weight.T
        return self.second(torch.relu(h + A @ h + self.first.bias))


class Convolution(nn.Module):
    """GCN: D^-1/2 (A + 1) D^-1/2 h W (Kipf, Welling, ICLR 2017, eq. 2)."""

    def __init__(self, a: int, b: int) -> None:
        super().__init__()
        self.linear = nn.Linear(a, b)

    def forward(self, A: Tensor, h: Tensor, mask: Tensor) -> Tensor:
        scale = (A.sum(-1, keepdim=True) + 1).rsqrt()
        h = scale * h
        return self.linear(scale * (h + A @ h))


class GraphAttention(nn.Module):
    """GAT: ``heads`` softmax weights over neighbours and the vertex itself (Veličković et al., ICLR 2018, eq. 1-4)."""

    def __init__(self, a: int, b: int, heads: int = 8) -> None:
        super().__init__()
        self.linear, self.heads = nn.Linear(a, b), heads
        self.source, self.target = (nn.Parameter(torch.randn(heads, b // heads) / (b // heads) ** 0.5) for _ in "st")

    def forward(self, A: Tensor, h: Tensor, mask: Tensor) -> Tensor:
        h = self.linear(h).unflatten(-1, (self.heads, -1))
        source, target = ((h * part).sum(-1) for part in (self.source, self.target))
        score = nn.functional.leaky_relu(source[:, :, None] + target[:, None], 0.2)
        near = (A + torch.eye(A.shape[1]).to(A) > 0)[..., None]
        weight = score.masked_fill(~near, -torch.inf).softmax(2)
        return torch.einsum("bijh,bjhc->bihc", weight, h).flatten(-2)


class Chebyshev(nn.Module):
    """ChebNet: sum of T_k(2 L / l_max - 1) h W_k, k < 3, l_max that of each graph (Defferrard et al., NeurIPS 2016)."""

    def __init__(self, a: int, b: int, order: int = 3) -> None:
        super().__init__()
        self.linear, self.order = nn.Linear(order * a, b), order

    def forward(self, A: Tensor, h: Tensor, mask: Tensor) -> Tensor:
        degree = A.sum(-1)
        scale = torch.where(degree > 0, degree, 1.0).rsqrt()
        L = torch.diag_embed((degree > 0).to(A)) - scale[:, :, None] * A * scale[:, None]
        top = torch.linalg.eigvalsh(L.double())[:, -1:, None].to(A)
        terms = [h, 2 / top * (L @ h) - h]
        while len(terms) < self.order:
            terms.append(2 * (2 / top * (L @ terms[-1]) - terms[-1]) - terms[-2])
        return self.linear(torch.cat(terms, -1))


BACKBONES: dict[str, Callable[[int, int, int], nn.Module]] = {
    "GCN": lambda n, features, out: Stack(Convolution, features, out),
    "GAT": lambda n, features, out: Stack(GraphAttention, features, out),
    "ChebNet": lambda n, features, out: Stack(Chebyshev, features, out),
    "GIN": lambda n, features, out: Stack(Isomorphism, features, out),
    "GIN+ID": lambda n, features, out: Stack(Isomorphism, features, out, ids=n),
    "MLP": Flat,
}


def vertices(A: Float[Tensor, "B n n"], sizes: Int[Tensor, " B"]) -> Bool[Tensor, "B n 1"]:
    """Which rows are vertices, and not padding."""
    return (torch.arange(A.shape[1], device=A.device) < sizes[:, None])[..., None]
