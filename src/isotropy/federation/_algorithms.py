"""The algorithms: what a site adds to its loss, what it sends beside its weights, how a server puts these together.

Notation of the papers, all weights as one vector: w_g what the server sent, w_k what site k ends with, K its steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from isotropy.errors import DomainError
from isotropy.federation._weights import flat, hidden

Loss = Callable[[Tensor, Tensor], Tensor]
State = dict[str, Tensor]
Weighting = Literal["real", "augmented", "uniform"]


@dataclass(frozen=True)
class Plan:
    """What all sites and the server agree on beforehand.

    ``algorithm``, ``local_epochs``, ``lr``, ``batch_size``, ``optimizer`` and ``weighting`` are as in ``federate``.
    ``mu``, ``alpha``, ``beta``, ``tau`` are the papers' symbols: FedProx (mu/2)|w - w_g|^2; MOON mu and the temperature
    tau; FedDyn alpha; FedProto mu |z - prototype|^2; FedNTD beta and the temperature tau. ``server_lr``,
    ``server_momentum`` (b_1), ``server_decay`` (b_2) and ``server_floor`` are of the server's optimiser. Prototypes of
    classes with fewer than ``min_count`` real rows stay at their site.
    """

    algorithm: str = "fedavg"
    local_epochs: int = 1
    lr: float = 0.01
    batch_size: int | None = None
    optimizer: str = "sgd"
    weighting: str = "real"
    mu: float | None = None
    alpha: float = 0.1
    beta: float = 1.0
    tau: float | None = None
    server_lr: float | None = None
    server_momentum: float = 0.9
    server_decay: float = 0.99
    server_floor: float = 1e-3
    min_count: int = 1

    def __post_init__(self) -> None:
        if self.algorithm not in ALGORITHMS:
            raise DomainError(f"algorithm={self.algorithm!r}", f"one of {', '.join(sorted(ALGORITHMS))}")
        for name, known in (("optimizer", OPTIMIZERS), ("weighting", ("real", "augmented", "uniform"))):
            if getattr(self, name) not in known:
                raise DomainError(f"{name}={getattr(self, name)!r}", f"one of {', '.join(known)}")
        for name in (
            "local_epochs",
            "lr",
            "batch_size",
            "mu",
            "alpha",
            "beta",
            "tau",
            "server_lr",
            "server_floor",
            "min_count",
        ):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise DomainError(f"{name}={value}", "a number above 0")
        if self.algorithm == "scaffold" and self.optimizer != "sgd":
            raise DomainError(
                f'scaffold with optimizer="{self.optimizer}"',
                'optimizer="sgd"',
                "its control variates are gradients only where a step is the learning rate times a gradient",
            )

    def of(self, name: str, default: float) -> float:
        """A setting whose default differs from algorithm to algorithm."""
        value = getattr(self, name)
        return default if value is None else value

    def but(self, **changes: Any) -> Plan:
        """With some settings changed; unknown ones are refused with the nearest known one's list."""
        known = {f.name for f in fields(self)}
        unknown = sorted(set(changes) - known)
        if unknown:
            raise DomainError(f"unknown settings {', '.join(unknown)}", f"some of {', '.join(sorted(known))}")
        return replace(self, **changes)


@dataclass(frozen=True)
class Upload:
    """What a site sends after a round: its weights, how many rows stand behind them, and what its algorithm adds."""

    w: Tensor
    n: float
    extra: State = field(default_factory=dict)


@dataclass(frozen=True)
class Local:
    """What is at hand while a site trains: the model, that of the server, what was sent, what the site keeps, and its
    own rows ``x``, ``y`` without synthetic ones."""

    model: nn.Module
    broadcast: nn.Module
    w_g: Tensor
    sent: State
    kept: State
    plan: Plan
    x: Tensor
    y: Tensor
    previous: nn.Module | None = None


class Algorithm:
    """FedAvg, and where the others differ from it. Source: McMahan et al., AISTATS 2017."""

    hidden = False
    """Whether a representation before the last layer is needed."""
    plain = False
    """Whether means of the weights are plain ones, and not by the rows behind them."""

    def terms(self, at: Local, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """Terms ``()`` beside the loss of the rows."""
        return {}

    def after(self, at: Local, w_k: Tensor, steps: int) -> tuple[State, State]:
        """What is sent beside the weights, and what the site keeps for its next round."""
        return {}, at.kept

    def begin(self, w: Tensor) -> State:
        """What the server keeps, at first."""
        return {}

    def together(
        self, w_g: Tensor, uploads: Sequence[Upload], state: State, plan: Plan, sites: int
    ) -> tuple[Tensor, State]:
        """The server's next weights and state, of what the sites that took part sent."""
        return weighted(uploads), state

    def send(self, state: State) -> State:
        """What goes to the sites beside the weights."""
        return {}


class FedProx(Algorithm):
    """Source: Li et al., MLSys 2020."""

    def terms(self, at: Local, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        return {"proximity": at.plan.of("mu", 0.01) / 2 * (flat(at.model) - at.w_g).square().sum()}


class Scaffold(Algorithm):
    """Local steps along g - c_k + c. Source: Karimireddy et al., ICML 2020, option II."""

    plain = True

    def terms(self, at: Local, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        return {"variates": ((at.sent["c"] - self._own(at)) * flat(at.model)).sum()}

    def after(self, at: Local, w_k: Tensor, steps: int) -> tuple[State, State]:
        c_k = self._own(at)
        new = c_k - at.sent["c"] + (at.w_g - w_k) / (steps * at.plan.lr)
        return {"dc": new - c_k}, {"c_k": new}

    def begin(self, w: Tensor) -> State:
        return {"c": torch.zeros_like(w)}

    def together(
        self, w_g: Tensor, uploads: Sequence[Upload], state: State, plan: Plan, sites: int
    ) -> tuple[Tensor, State]:
        moved = torch.stack([u.w - w_g for u in uploads]).mean(0)
        dc = torch.stack([u.extra["dc"] for u in uploads]).mean(0)
        return w_g + plan.of("server_lr", 1.0) * moved, {"c": state["c"] + len(uploads) / sites * dc}

    def send(self, state: State) -> State:
        return {"c": state["c"]}

    @staticmethod
    def _own(at: Local) -> Tensor:
        return at.kept.get("c_k", torch.zeros_like(at.w_g))


class FedDyn(Algorithm):
    """Source: Acar et al., ICLR 2021; means are plain ones."""

    plain = True

    def terms(self, at: Local, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        w = flat(at.model)
        return {"dynamic": at.plan.alpha / 2 * (w - at.w_g).square().sum() - (self._own(at) * w).sum()}

    def after(self, at: Local, w_k: Tensor, steps: int) -> tuple[State, State]:
        return {}, {"h_k": self._own(at) - at.plan.alpha * (w_k - at.w_g)}

    def begin(self, w: Tensor) -> State:
        return {"h": torch.zeros_like(w)}

    def together(
        self, w_g: Tensor, uploads: Sequence[Upload], state: State, plan: Plan, sites: int
    ) -> tuple[Tensor, State]:
        h = state["h"] - plan.alpha / sites * torch.stack([u.w - w_g for u in uploads]).sum(0)
        return torch.stack([u.w for u in uploads]).mean(0) - h / plan.alpha, {"h": h}

    @staticmethod
    def _own(at: Local) -> Tensor:
        return at.kept.get("h_k", torch.zeros_like(at.w_g))


class Moon(Algorithm):
    """Representations nearer to the server's than to the site's last ones. Source: Li, He, Song, CVPR 2021."""

    hidden = True

    def terms(self, at: Local, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        if at.previous is None:
            return {}
        tau = at.plan.of("tau", 0.5)
        with torch.no_grad():
            ours, before = hidden(at.broadcast, x), hidden(at.previous, x)
        z = hidden(at.model, x)
        near, far = (functional.cosine_similarity(z, other) / tau for other in (ours, before))
        return {"contrast": at.plan.of("mu", 1.0) * functional.softplus(far - near).mean()}

    def after(self, at: Local, w_k: Tensor, steps: int) -> tuple[State, State]:
        return {}, {"previous": w_k}


class FedProto(Algorithm):
    """Representations near the means that their classes have over all sites. Source: Tan et al., AAAI 2022; here the
    weights are averaged too."""

    hidden = True

    def terms(self, at: Local, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        if "prototypes" not in at.sent:
            return {}
        known = at.sent["counts"][y] > 0
        apart = (hidden(at.model, x) - at.sent["prototypes"][y]).square().sum(1) * known
        return {"prototypes": at.plan.of("mu", 2.0) * apart.mean()}

    def after(self, at: Local, w_k: Tensor, steps: int) -> tuple[State, State]:
        """Numbers and sums of the representations of each class with ``min_count`` rows at the site; 0 of others."""
        with torch.no_grad():
            z, logits = hidden(at.model, at.x), at.model(at.x[:1])
        one_hot = functional.one_hot(at.y, logits.shape[1]).to(z.dtype)
        one_hot = one_hot * (one_hot.sum(0) >= at.plan.min_count)
        return {"counts": one_hot.sum(0), "sums": one_hot.T @ z}, at.kept

    def together(
        self, w_g: Tensor, uploads: Sequence[Upload], state: State, plan: Plan, sites: int
    ) -> tuple[Tensor, State]:
        counts = torch.stack([u.extra["counts"] for u in uploads]).sum(0)
        sums = torch.stack([u.extra["sums"] for u in uploads]).sum(0)
        return weighted(uploads), {"prototypes": sums / counts.clamp_min(1)[:, None], "counts": counts}

    def send(self, state: State) -> State:
        return state


class FedNTD(Algorithm):
    """The server's opinion of the classes that are not the label. Source: Lee et al., NeurIPS 2022."""

    def terms(self, at: Local, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        tau = at.plan.of("tau", 1.0)
        with torch.no_grad():
            teacher = _but_the_label(at.broadcast(x), y) / tau
        student = _but_the_label(at.model(x), y) / tau
        apart = functional.kl_div(
            student.log_softmax(1), teacher.log_softmax(1), reduction="batchmean", log_target=True
        )
        return {"not true": at.plan.beta * tau**2 * apart}


class ServerOptimizer(Algorithm):
    """A server that takes the mean change for a gradient: momentum, Adam, Yogi, Adagrad.

    Source: Hsu et al., arXiv 1909.06335 (FedAvgM); Reddi et al., ICLR 2021, algorithm 2.
    """

    def __init__(self, kind: Literal["momentum", "adam", "yogi", "adagrad"]) -> None:
        self.kind = kind

    def begin(self, w: Tensor) -> State:
        return {"m": torch.zeros_like(w)}

    def together(
        self, w_g: Tensor, uploads: Sequence[Upload], state: State, plan: Plan, sites: int
    ) -> tuple[Tensor, State]:
        delta = weighted(uploads) - w_g
        if self.kind == "momentum":
            m = plan.server_momentum * state["m"] + delta
            return w_g + plan.of("server_lr", 1.0) * m, {"m": m}
        m = plan.server_momentum * state["m"] + (1 - plan.server_momentum) * delta
        square, b = delta.square(), plan.server_decay
        # v begins at the square of the floor, as in algorithm 2.
        v = state.get("v", torch.full_like(delta, plan.server_floor**2))
        if self.kind == "adam":
            v = b * v + (1 - b) * square
        elif self.kind == "yogi":
            v = v - (1 - b) * square * (v - square).sign()
        else:
            v = v + square
        return w_g + plan.of("server_lr", 0.1) * m / (v.sqrt() + plan.server_floor), {"m": m, "v": v}


ALGORITHMS: dict[str, Algorithm] = {
    "fedavg": Algorithm(),
    "fedprox": FedProx(),
    "scaffold": Scaffold(),
    "moon": Moon(),
    "feddyn": FedDyn(),
    "fedavgm": ServerOptimizer("momentum"),
    "fedadam": ServerOptimizer("adam"),
    "fedyogi": ServerOptimizer("yogi"),
    "fedadagrad": ServerOptimizer("adagrad"),
    "fedproto": FedProto(),
    "fedntd": FedNTD(),
}
OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}


def weighted(uploads: Sequence[Upload]) -> Tensor:
    """The mean of the sites' weights, each counted by its n."""
    n = torch.tensor([u.n for u in uploads], dtype=torch.float64)
    mean = torch.einsum("k,kw->w", n / n.sum(), torch.stack([u.w for u in uploads]).to(torch.float64))
    return mean.to(uploads[0].w.dtype)


def _but_the_label(logits: Tensor, y: Tensor) -> Tensor:
    """Logits of the other classes, (B, C - 1)."""
    stays = torch.ones_like(logits, dtype=torch.bool).scatter(1, y[:, None], False)
    return logits[stays].unflatten(0, (len(logits), -1))
