"""A round as pure functions: what a site does with what the server sent, and the server with what the sites sent.

The engine in this process and the application on Flower call the same two.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from isotropy.data import Batches
from isotropy.errors import DomainError
from isotropy.federation._algorithms import ALGORITHMS, OPTIMIZERS, Local, Loss, Plan, State, Upload
from isotropy.federation._weights import flat, load
from isotropy.random import derive
from isotropy.train import Task, fit


@dataclass(frozen=True)
class Server:
    """Where a federation stands after ``round`` rounds: the weights, and what the server keeps and sends with them."""

    w: Tensor
    state: State
    round: int = 0


@dataclass(frozen=True, eq=False)
class Site:
    """Rows ``x``, ``y`` of a site with a name, of which ``real`` are its own and the others synthetic."""

    name: str
    x: Tensor
    y: Tensor
    real: int


def begin(model: nn.Module, plan: Plan) -> Server:
    """The server before the first round; DomainError where an algorithm has no use for the model, or the model keeps
    what is not averaged."""
    algorithm = ALGORITHMS[plan.algorithm]
    kept = [name for name, _ in model.named_buffers() if name in model.state_dict()]
    if kept:
        raise DomainError(
            f"a model with the buffer {kept[0]}", "parameters only, which are what sites send",
            "take layers without running statistics, such as LayerNorm for BatchNorm",
        )  # fmt: skip
    if algorithm.hidden and not (isinstance(model, nn.Sequential) and len(model) > 1):
        raise DomainError(
            f"{plan.algorithm} with a head without a hidden layer", 'head="mlp", or an nn.Sequential of several layers'
        )
    w = flat(model).detach().clone()
    return Server(w, algorithm.begin(w))


def local_update(
    model: nn.Module,
    server: Server,
    site: Site,
    kept: State,
    plan: Plan,
    *,
    seed: int = 0,
    loss: Loss | None = None,
) -> tuple[Upload, State, float]:
    """What a site sends after a round, what it keeps for its next one, and its mean loss: trained from ``server.w``.

    ``model`` gives the architecture and is left as it is. ``loss(output, y) -> (B,)`` is cross entropy of logits by
    default. The optimiser is a fresh one.
    """
    algorithm = ALGORITHMS[plan.algorithm]
    broadcast = _with(model, server.w).requires_grad_(False).eval()
    trained = _with(model, server.w).requires_grad_(True)
    previous = _with(model, kept["previous"]).eval() if "previous" in kept else None
    x, y = site.x[: site.real], site.y[: site.real]
    at = Local(trained, broadcast, server.w, algorithm.send(server.state), kept, plan, x, y, previous)
    size = len(site.x) if plan.batch_size is None else plan.batch_size
    batches = Batches(site.x, site.y, batch_size=size, seed=derive(seed, "order", site.name, server.round))
    history = fit(
        trained,
        _Task(at, loss),
        batches,
        optimizer=lambda p: OPTIMIZERS[plan.optimizer](p, lr=plan.lr),  # pyright: ignore[reportCallIssue]
        max_epochs=plan.local_epochs,
        seed=derive(seed, "site", site.name, server.round),
        progress=False,
    )
    w_k = flat(trained).detach()
    extra, kept = algorithm.after(at, w_k, plan.local_epochs * len(batches))
    n = {"real": float(site.real), "augmented": float(len(site.x)), "uniform": 1.0}[plan.weighting]
    return Upload(w_k, n, extra), kept, float(history.curve("loss")[-1])


def aggregate(server: Server, uploads: Sequence[Upload], plan: Plan, sites: int) -> Server:
    """The server after the round in which it got these ``uploads``, of ``sites`` in all."""
    if not uploads:
        raise DomainError("a round without any upload", "at least one site")
    w, state = ALGORITHMS[plan.algorithm].together(server.w, uploads, server.state, plan, sites)
    return replace(server, w=w, state=state, round=server.round + 1)


class _Task(Task):
    """The loss of the rows and the terms of the algorithm, one number each for a batch."""

    def __init__(self, at: Local, loss: Loss | None) -> None:
        super().__init__(per="batch")
        self.at, self.of_rows = at, loss or _cross_entropy

    def evaluate(self, model: nn.Module, batch: Any) -> dict[str, Tensor]:
        x, y = batch
        terms = ALGORITHMS[self.at.plan.algorithm].terms(replace(self.at, model=model), x, y)
        return {"rows": self.of_rows(model(x), y).mean(), **terms}


def _cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    return functional.cross_entropy(logits, y, reduction="none")


def _with(model: nn.Module, w: Tensor) -> nn.Module:
    new = copy.deepcopy(model)
    load(new, w)
    return new
