"""Networks on particle states: plain, equivariant by construction, and plain ones made exact by frames."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from isotropy.experiments.peers._charged import STATE, edges, unpack
from isotropy.frames import CanonicalizerFrame, FrameAveraged, PCAFrame, ProbabilisticFrame, VectorNeurons
from isotropy.optics import Mode
from isotropy.reps import Cloud, Scalar, Vector


def mlp(*widths: int, last: Callable[[], nn.Module] | None = None) -> nn.Sequential:
    """Linear maps with SiLU between them, and ``last`` after the last."""
    layers: list[nn.Module] = []
    for a, b in pairwise(widths):
        layers += [nn.Linear(a, b), nn.SiLU()]
    return nn.Sequential(*layers[:-1], *([last()] if last else []))


class PairMessage(nn.Module):
    """MLP of (h_i, h_j, e_ij) to ``width`` features with SiLU after both layers; 0 on the diagonal.

    The first layer is applied to each particle before pairs are formed, which is the same map at a fifth of the work.
    """

    def __init__(self, width: int, extra: int) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(width, width), nn.Linear(width, width, bias=False)
        self.edge, self.second = nn.Linear(extra, width, bias=False), nn.Linear(width, width)

    def forward(self, h: Float[Tensor, "rows n c"], e: Float[Tensor, "rows n n k"]) -> Float[Tensor, "rows n n c"]:
        first = nn.functional.silu(self.left(h)[:, :, None] + self.right(h)[:, None] + self.edge(e))
        return nn.functional.silu(self.second(first)) * off_diagonal(h)


class GraphLayer(nn.Module):
    """h_i + MLP(h_i, sum_j m_ij): one layer of the graph network of Satorras et al. 2021 (eq. 2)."""

    def __init__(self, width: int, extra: int = 2) -> None:
        super().__init__()
        self.message, self.update = PairMessage(width, extra), mlp(2 * width, width, width)

    def forward(self, h: Float[Tensor, "rows n c"], e: Float[Tensor, "rows n n k"]) -> Float[Tensor, "rows n c"]:
        return h + self.update(torch.cat([h, self.message(h, e).sum(2)], -1))


class GraphNetwork(nn.Module):
    """The plain network: positions and velocities as features, positions read off; no symmetry but permutations."""

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.embedding = nn.Linear(6, width)
        self.layers = nn.ModuleList(GraphLayer(width) for _ in range(layers))
        self.decoder = mlp(width, width, 3)

    def forward(self, x: Float[Tensor, "rows n 7"]) -> Float[Tensor, "rows n 3"]:
        h, e = self.embedding(x[..., :6]), edges(x)
        for layer in self.layers:
            h = layer(h, e)
        return self.decoder(h)


class FrameGraphNetwork(nn.Module):
    """The same network, each of its layers averaged over a frame of its own (FA-GNN); E(3)-equivariant.

    The hidden features of a particle are read as width / 3 vectors. They are expressed in the frame of the state, then
    of the vectors that the layer before left, all particles together; the centre is added at the end. ``mode`` is
    that of ``FrameAveraged``. Source: Puny et al., ICLR 2022, §4.3; specification 03 §4.3.
    """

    def __init__(self, width: int, layers: int, mode: Mode, seed: int) -> None:
        super().__init__()
        hidden = Cloud((width // 3) * Vector)
        frame = PCAFrame("O(3)", grad="detach")

        def averaged(part: nn.Module, number: int, rep_out: Cloud = hidden) -> FrameAveraged:
            return FrameAveraged(part, frame, (hidden, None), rep_out, mode, sees=0, seed=seed + number)

        entry = PCAFrame("E(3)", grad="detach")
        self.entry = FrameAveraged(EntryLayer(width), entry, STATE, hidden, mode, seed=seed)
        self.layers = nn.ModuleList(averaged(GraphLayer(width), i + 1) for i in range(layers - 2))
        self.exit = averaged(Exit(width), layers, Cloud(Vector))

    def forward(self, x: Float[Tensor, "rows n 7"]) -> Float[Tensor, "rows n 3"]:
        h, e = self.entry(x), edges(x)
        for layer in self.layers:
            h = layer(h, e)
        return x[..., :3].mean(1, keepdim=True) + self.exit(h, e)


class CanonicalGraphNetwork(nn.Module):
    """The plain network in a pose that is learned (CN-GNN): three vectors of the state, made orthonormal; E(3).

    Source: Kaba et al., ICML 2023, §5.2; specification 03 §2.9.
    """

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        inside = Cloud(Vector + Vector + Scalar)  # positions about the centre, velocities, charges
        frame = CanonicalizerFrame("O(3)", PoseVectors(), degenerate="keep")
        self.posed = FrameAveraged(GraphNetwork(width, layers), frame, inside, Cloud(Vector), "first")

    def forward(self, x: Float[Tensor, "rows n 7"]) -> Float[Tensor, "rows n 3"]:
        centre = x[..., :3].mean(1, keepdim=True)
        return centre + self.posed(torch.cat([x[..., :3] - centre, x[..., 3:]], -1))


class PosedTransformer(nn.Module):
    """A transformer of particles, averaged over drawn poses of a learned distribution (Transformer-PS); E(3) in law.

    One pose for each state while training; afterwards the mean over ``draws`` of them, the same at each call. Source:
    Kim et al., NeurIPS 2023, §4.
    """

    def __init__(self, width: int, layers: int, seed: int, draws: int = 20, heads: int = 4) -> None:
        super().__init__()
        inside, law = Cloud(Vector + Vector + Scalar), VectorNeurons(3, noise=2)
        one, many = (ProbabilisticFrame("O(3)", count, law, seed=seed) for count in (1, draws))
        network = ParticleTransformer(width, layers, heads)
        self.drawn, self.averaged = (FrameAveraged(network, f, inside, Cloud(Vector)) for f in (one, many))

    def forward(self, x: Float[Tensor, "rows n 7"]) -> Float[Tensor, "rows n 3"]:
        centre = x[..., :3].mean(1, keepdim=True)
        posed = self.drawn if self.training else self.averaged
        return centre + posed(torch.cat([x[..., :3] - centre, x[..., 3:]], -1))


class ParticleTransformer(nn.Module):
    """Every particle attends to all: tokens of position, velocity and charge, layers, and the change of position."""

    def __init__(self, width: int, layers: int, heads: int) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(
            width, heads, 2 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.embedding, self.decoder = nn.Linear(7, width), nn.Linear(width, 3)
        self.layers = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)

    def forward(self, x: Float[Tensor, "rows n 7"]) -> Float[Tensor, "rows n 3"]:
        return x[..., :3] + self.decoder(self.layers(self.embedding(x)))


class PoseVectors(nn.Module):
    """Three sums of positions and velocities, weighted by an MLP of |x|^2, |v|^2 and <x, v>."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.weights = mlp(3, width, width, 6)

    def forward(self, x: Float[Tensor, "rows m 3"]) -> Float[Tensor, "rows 3 3"]:
        each = x.unflatten(1, (-1, 2))  # position and velocity of each particle
        loc, vel = each.unbind(2)
        lengths = torch.stack([loc.square().sum(-1), vel.square().sum(-1), (loc * vel).sum(-1)], -1)
        weight = self.weights(lengths).unflatten(-1, (3, 2))
        return torch.einsum("rnkc,rncd->rkd", weight, each)


class EntryLayer(nn.Module):
    """Features of the state in the frame, and the first layer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embedding, self.layer = nn.Linear(6, width), GraphLayer(width)

    def forward(self, x: Float[Tensor, "rows n 7"]) -> Float[Tensor, "rows n c"]:
        return self.layer(self.embedding(x[..., :6]), edges(x))


class Exit(nn.Module):
    """The last layer, and one vector for each particle."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer, self.decoder = GraphLayer(width), mlp(width, width, 3)

    def forward(self, h: Float[Tensor, "rows n c"], e: Float[Tensor, "rows n n k"]) -> Float[Tensor, "rows n 3"]:
        return self.decoder(self.layer(h, e))


class RadialField(nn.Module):
    """x_i + v_i phi_v(|v_i|) + sum_j (x_i - x_j) phi(|x_i - x_j|, q_i q_j), layer by layer (Köhler et al. 2019)."""

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.pairs = nn.ModuleList(mlp(2, width, 1, last=nn.Tanh) for _ in range(layers))
        self.speeds = nn.ModuleList(mlp(1, width, 1) for _ in range(layers))
        for pair in self.pairs:  # a first step of almost nothing, as its authors start
            nn.init.xavier_uniform_(pair[-2].weight, gain=1e-3)  # pyright: ignore

    def forward(self, x: Float[Tensor, "rows n 7"]) -> Float[Tensor, "rows n 3"]:
        loc, vel, _ = unpack(x)
        speed, product = vel.norm(dim=-1, keepdim=True), edges(x)[..., :1]
        for pair, along in zip(self.pairs, self.speeds, strict=True):
            apart = loc[:, :, None] - loc[:, None]
            e = torch.cat([apart.square().sum(-1, keepdim=True), product], -1)
            loc = loc + vel * along(speed) + mean_of_others(apart * pair(e))
        return loc


class EquivariantGraphNetwork(nn.Module):
    """EGNN: messages from invariants, positions moved along differences and velocities (Satorras et al. 2021)."""

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.embedding = nn.Linear(1, width)
        self.messages = nn.ModuleList(PairMessage(width, 3) for _ in range(layers))
        self.updates = nn.ModuleList(mlp(2 * width, width, width) for _ in range(layers))
        self.pulls = nn.ModuleList(mlp(width, width, 1) for _ in range(layers))
        self.speeds = nn.ModuleList(mlp(width, width, 1) for _ in range(layers))
        for pull in self.pulls:  # a first step of almost nothing, as its authors start
            nn.init.xavier_uniform_(pull[-1].weight, gain=1e-3)  # pyright: ignore

    def forward(self, x: Float[Tensor, "rows n 7"]) -> Float[Tensor, "rows n 3"]:
        loc, vel, _ = unpack(x)
        h, e = self.embedding(vel.norm(dim=-1, keepdim=True)), edges(x)
        layers: Any = zip(self.messages, self.updates, self.pulls, self.speeds, strict=True)
        for message, update, pull, along in layers:
            apart = loc[:, :, None] - loc[:, None]
            m = message(h, torch.cat([e, apart.square().sum(-1, keepdim=True)], -1))
            loc = loc + mean_of_others(apart * pull(m)) + vel * along(h)
            h = h + update(torch.cat([h, m.sum(2)], -1))
        return loc


def mean_of_others(pairs: Float[Tensor, "rows n n k"]) -> Float[Tensor, "rows n k"]:
    """The mean over the other particles; what stands on the diagonal is left out."""
    others = pairs * off_diagonal(pairs)
    return others.sum(2) / (pairs.shape[1] - 1)


def off_diagonal(like: Tensor) -> Float[Tensor, "n n 1"]:
    n = like.shape[1]
    return (1 - torch.eye(n, dtype=like.dtype, device=like.device))[..., None]
