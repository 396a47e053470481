"""A Lagrangian L(q, v) of any form: two perceptrons trained on accelerations, with masses as even as these allow."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn

from isotropy.data import Batches
from isotropy.dynamics._lagrangian import equations
from isotropy.dynamics._mechanical import held_out, weights_of
from isotropy.dynamics._trajectories import Trajectories
from isotropy.random import derive

_RATE, _CLIP, _BATCH = 1e-2, 1.0, 128
_EVEN = 0.1  # of a share of the accelerations: how much masses that vary, and a gauge, weigh beside it
_SOFT = 2.0  # the sharpness of softplus: its third derivatives, which gradients of accelerations hold, stay moderate
_BESIDE = 0.1  # of kinetic energies: how large the part of any form is when training starts


class LagrangianNetwork(nn.Module):
    """L = v . v / 2 - V(q) + G(q, v), V and G perceptrons in units of the motions: any Lagrangian with regular masses.

    >>> L = LagrangianNetwork(torch.zeros(2), 1.5, 0.8, width=8)
    >>> L(torch.ones(5, 2), torch.ones(5, 2)).shape
    torch.Size([5])
    """

    centre: Tensor
    size: Tensor
    speed: Tensor

    def __init__(self, centre: Float[Tensor, " d"], size: float, speed: float, *, width: int = 48) -> None:
        super().__init__()
        self.register_buffer("centre", centre.double())
        self.register_buffer("size", torch.tensor(size, dtype=torch.float64))
        self.register_buffer("speed", torch.tensor(speed, dtype=torch.float64))
        self.place = _perceptron(len(centre), width)
        self.beside = _perceptron(2 * len(centre), width)

    def forward(self, q: Float[Tensor, "n d"], v: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
        where, fast = (q.double() - self.centre) / self.size, v.double() / self.speed
        rest = _BESIDE * self.beside(torch.cat([where, fast], -1)) - self.place(where)
        return v.double().square().sum(-1) / 2 + self.speed.square() * rest[:, 0]


@dataclass(frozen=True, eq=False)
class Learned:
    """A trained Lagrangian and the share of the accelerations that moments held out leave unexplained."""

    lagrangian: LagrangianNetwork
    left: float


def fit_network(moments: Trajectories, *, width: int = 48, steps: int = 3000, seed: int = 0) -> Learned:
    """A network L(q, v) whose equations of motion have the accelerations of these moments; about 10 ms a step.

    Accelerations fix L up to a factor, total derivatives, and more where motions tell less: of all that fit, the one is
    sought whose masses d2L/dv2 vary least and whose gauge, the symmetric part of d2L/dv dq, is smallest. The mean mass
    is 1. One track in five is held out (one stretch of each where tracks are few).

    Source: Cranmer et al., Lagrangian Neural Networks, 2020, arXiv 2003.04630; the two penalties are ours.

    >>> from isotropy.data import load
    >>> from isotropy.dynamics import trajectories_of
    >>> moments = trajectories_of(load("oscillator", tracks=10, steps=10))
    >>> fit_network(moments, width=8, steps=3).lagrangian(moments.q, moments.v).shape
    torch.Size([100])
    """
    from isotropy.train import Cosine, fit  # whoever discovers trains nothing here, and does not wait for it

    q, v, a = moments.q, moments.v, moments.a
    held, weight = held_out(moments), weights_of(a)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "Lagrangian"))
        network = LagrangianNetwork(q.mean(0), _size(q - q.mean(0)), _size(v), width=width)
    rows = Batches((q[~held], v[~held], a[~held], weight[~held]), min(_BATCH, int((~held).sum())), seed=seed)
    gauge = float(network.size / network.speed)
    fit(
        network, partial(_loss, gauge=gauge), rows, optimizer=partial(torch.optim.Adam, lr=_RATE), max_steps=steps,
        schedule=Cosine(), clip=_CLIP, seed=seed, progress=False,
    )  # fmt: skip
    found = network.requires_grad_(False)
    return Learned(found, unexplained(found, q[held], v[held], a[held], weight[held]))


def unexplained(
    L: nn.Module, q: Float[Tensor, "n d"], v: Float[Tensor, "n d"], a: Float[Tensor, "n d"], weight: Float[Tensor, " n"]
) -> float:
    """The share of the weighed accelerations that the equations of L leave."""
    miss = (equations(L, q, v).accelerations.detach() - a) * weight[:, None]
    return float(miss.square().sum() / (a * weight[:, None]).square().sum())


def _loss(network: nn.Module, batch: tuple[Tensor, Tensor, Tensor, Tensor], *, gauge: float) -> Float[Tensor, " n"]:
    """What of each acceleration is missed, squared, beside how uneven the masses are and how large the gauge is."""
    q, v, a, weight = batch
    found = equations(network, q, v)
    missed = ((found.accelerations - a) * weight[:, None]).square().sum(-1)
    mean = found.mass.mean(0)
    uneven = (found.mass - mean).square().sum((1, 2))
    symmetric = (found.mixed + found.mixed.mT) / 2 * gauge
    unit = (mean.trace() / len(mean) - 1).square()  # the factor, which accelerations leave open
    return missed + _EVEN * (uneven + symmetric.square().sum((1, 2))) + unit


def _size(x: Float[Tensor, "n d"]) -> float:
    return float(x.square().mean().sqrt()) or 1.0


def _perceptron(inputs: int, width: int) -> nn.Sequential:
    def soft() -> nn.Module:
        return nn.Softplus(beta=_SOFT)

    layers = (nn.Linear(inputs, width), soft(), nn.Linear(width, width), soft(), nn.Linear(width, 1))
    return nn.Sequential(*layers).double()
