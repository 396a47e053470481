"""Many sites, one classifier: rounds of local training in this process, from a door that checks what sites bring."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from isotropy.errors import DomainError, counted
from isotropy.federation._algorithms import Plan, State, Upload
from isotropy.federation._checks import checked, one_dtype, same_width
from isotropy.federation._choosing import choose_modes
from isotropy.federation._generators import GeometryGuidedAugmenter
from isotropy.federation._rounds import Server, Site, aggregate, begin, local_update
from isotropy.federation._secure import drawn, masked, total
from isotropy.federation._weights import load
from isotropy.federation._words import upload_words, uploads_of
from isotropy.random import spawn
from isotropy.runs import progress_bar
from isotropy.study import accuracy

Client = tuple[Tensor, Tensor]
ALL_SITES = "all sites"
"""The name of what is known of all sites together, and of none."""


@dataclass(frozen=True)
class Round:
    """What a round was: mean loss of each site that took part, accuracy on the test rows, if any, and seconds."""

    round: int
    loss: dict[str, float]
    accuracy: float | None
    seconds: float


@dataclass(frozen=True, eq=False)
class Standing:
    """Where a federation stands: the server, what each site keeps for itself, and the rounds so far."""

    server: Server
    kept: tuple[State, ...]
    history: tuple[Round, ...]


@dataclass(frozen=True, eq=False)
class Federated:
    """The ``head`` of the last round, the ``history`` of all, and what each site trained on (``clients``)."""

    head: nn.Module
    history: tuple[Round, ...]
    clients: tuple[Site, ...]
    plan: Plan


def federate(
    clients: Sequence[Client],
    *,
    classes: int,
    algorithm: str = "fedavg",
    rounds: int = 10,
    local_epochs: int = 1,
    lr: float = 0.01,
    batch_size: int | None = None,
    optimizer: str = "sgd",
    weighting: str = "real",
    head: str | nn.Module = "linear",
    initial: nn.Module | None = None,
    augment: GeometryGuidedAugmenter | None = None,
    test: Client | None = None,
    names: Sequence[str] | None = None,
    participation: float = 1.0,
    secure: bool = False,
    seed: int = 0,
    engine: str = "local",
    progress: bool | None = False,
    callback: Callable[[Standing], None] | None = None,
    start: Standing | None = None,
    **settings: Any,
) -> Federated:
    """One classifier from rows that stay where they are: each round, sites train from what the server sent.

    - ``clients``: rows ``x (n, p)`` and labels ``y (n,)`` from 0 to ``classes - 1`` of each site, with ``names``.
    - ``algorithm``: fedavg, fedprox, scaffold, moon, feddyn, fedavgm, fedadam, fedyogi, fedadagrad, fedproto or fedntd;
      its own ``settings`` are those of ``Plan``: mu, alpha, beta, tau, server_lr, ...
    - ``local_epochs`` over batches of ``batch_size`` rows (None: all of the site), by ``optimizer`` ("sgd", "adam") at
      ``lr``, a fresh one in each round.
    - ``weighting``: means over sites by "real" rows, by all rows ("augmented") or plain ("uniform").
    - ``head``: "linear", "mlp", or a module from features to logits; ``initial``: another one of the same kind, whose
      weights to begin with. Both are left as they are.
    - ``augment``: what fills classes up at each site before the first round.
    - ``test``: rows whose accuracy goes into the history. Nothing is decided by it: the last round is the result.
    - ``participation``: the share of sites, drawn anew, that take part in a round.
    - ``secure``: masked weights are added up, and no site's are seen; the loss in the history is that of "all sites".
    - ``callback`` gets the ``Standing`` after each round; with ``start`` a federation goes on from one, bit for bit.

    Deterministic in ``seed``. Raises DomainError, ShapeError or DtypeError with the name of a site whose rows cannot be
    taken. Sources: see each algorithm; the schedule is that of McMahan et al., AISTATS 2017.

    >>> x, y = torch.randn(90, 2, generator=spawn(0, "x")), torch.arange(90) % 3
    >>> x = x + 4 * torch.eye(3)[y][:, :2]
    >>> found = federate([(x[:50], y[:50]), (x[50:], y[50:])], classes=3, rounds=20, lr=0.5, test=(x, y))
    >>> found.history[-1].accuracy > 0.9, [len(site.x) for site in found.clients]
    (True, [50, 40])
    """
    plan = Plan(algorithm, local_epochs, lr, batch_size, optimizer, weighting).but(**settings)
    if engine != "local":
        raise DomainError(f"engine={engine!r}", '"local"', "isotropy federate CONFIG --engine flower runs on Flower")
    if rounds < 1 or not 0 < participation <= 1:
        raise DomainError(f"rounds={rounds}, participation={participation}", "at least one round, a share in (0, 1]")
    if augment is not None and augment.mode == "auto" and not augment.chosen:
        choose_modes(augment, clients, seed=seed, names=names)
    sites = sites_of(clients, classes, names, augment, seed)
    x = sites[0].x
    model = head_model(head, x.shape[1], x.dtype, classes, seed) if initial is None else copy.deepcopy(initial)
    tested = None if test is None else checked(*test, classes, "test")
    tested = None if tested is None else (tested[0].to(sites[0].x.dtype), tested[1])
    standing = start or Standing(begin(model, plan), tuple({} for _ in sites), ())
    server, kept, history = standing.server, list(standing.kept), list(standing.history)
    load(model, server.w)
    with progress_bar("rounds", rounds, progress) as advance:
        while server.round < rounds:
            began, losses, uploads = time.perf_counter(), {}, []
            for k in _chosen(len(sites), participation, seed, server.round):
                upload, kept[k], losses[sites[k].name] = local_update(model, server, sites[k], kept[k], plan, seed=seed)
                uploads.append(upload)
            if secure:
                uploads, losses = _summed(uploads, losses, algorithm)
            server = aggregate(server, uploads, plan, len(sites))
            load(model, server.w)
            told = None if tested is None else accuracy(model, *tested)
            history.append(Round(server.round, losses, told, time.perf_counter() - began))
            if callback is not None:
                callback(Standing(server, tuple(kept), tuple(history)))
            advance()
    return Federated(model, tuple(history), tuple(sites), plan)


def _summed(uploads: list[Upload], losses: dict[str, float], algorithm: str) -> tuple[list[Upload], dict[str, float]]:
    """What a server knows that sees the sum of masked uploads."""
    if len(uploads) < 2:
        raise DomainError("secure=True with one site in a round", "two, at least", "the sum is that site's")
    words = [
        upload_words(upload, loss, algorithm, len(uploads), name)
        for upload, (name, loss) in zip(uploads, losses.items(), strict=True)
    ]
    seen = masked([own for own, _ in words], drawn(len(words)), b"round")
    equal, loss = uploads_of(total(seen), words[0][1], uploads[0].w, len(uploads))
    return equal, {ALL_SITES: loss}


def sites_of(
    clients: Sequence[Client],
    classes: int,
    names: Sequence[str] | None,
    augment: GeometryGuidedAugmenter | None,
    seed: int,
) -> list[Site]:
    """The sites that have rows, checked, with what was generated for them."""
    called = [f"client {k}" for k in range(len(clients))] if names is None else list(names)
    if len(called) != len(clients) or len(set(called)) != len(called):
        raise DomainError(f"names {called} of {counted(len(clients), 'site')}", "a name of its own for each")
    rows = {name: checked(x, y, classes, name) for name, (x, y) in zip(called, clients, strict=True)}
    rows = {name: of for name, of in rows.items() if len(of[0])}
    if not rows:
        raise DomainError("no site with rows", "at least one")
    same_width({name: x.shape[1] for name, (x, _) in rows.items()})
    sites = []
    for name, (x, y) in one_dtype(rows).items():
        own = len(x)
        if augment is not None:
            x, y, synthetic = augment.augment(x, y, client=name, seed=seed, domain=augment.domain_of(name, called))
            own = int((~synthetic).sum())
        sites.append(Site(name, x, y, own))
    return sites


def head_model(head: str | nn.Module, p: int, dtype: torch.dtype, classes: int, seed: int) -> nn.Module:
    """The classifier before the first round, of ``p`` features."""
    if isinstance(head, nn.Module):
        return copy.deepcopy(head)
    if head not in ("linear", "mlp"):
        raise DomainError(f"head={head!r}", '"linear", "mlp" or a module')
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(spawn(seed, "head").initial_seed())
        if head == "linear":
            return nn.Linear(p, classes, dtype=dtype)
        return nn.Sequential(nn.Linear(p, 64, dtype=dtype), nn.ReLU(), nn.Linear(64, classes, dtype=dtype))


def _chosen(sites: int, share: float, seed: int, number: int) -> list[int]:
    if share == 1.0:
        return list(range(sites))
    some = torch.randperm(sites, generator=spawn(seed, "participation", number))[: max(1, round(share * sites))]
    return sorted(some.tolist())
