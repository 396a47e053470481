"""What goes between a server and its sites: the same messages, whether Flower carries them or a call does.

query: statistics of the classes come in; query.shapes: those of all sites go out; train: weights go out and come in;
evaluate: how many rows held out are told right comes in. Everything is named tensors and named numbers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import torch
from torch import Tensor

from isotropy.errors import DomainError, InfeasibleError, counted
from isotropy.federation._algorithms import ALGORITHMS, Upload
from isotropy.federation._checks import same_width
from isotropy.federation._federate import Round, Standing, head_model, sites_of
from isotropy.federation._preparing import augmenter_of, packed, split_rows, statistics_of, unpacked
from isotropy.federation._request import Request, read_site
from isotropy.federation._rounds import Server, aggregate, begin, local_update
from isotropy.federation._statistics import ClassStats
from isotropy.federation._weights import load
from isotropy.random import spawn
from isotropy.study import accuracy

Kind = Literal["query", "query.shapes", "train", "evaluate"]
KINDS: tuple[Kind, ...] = ("query", "query.shapes", "train", "evaluate")
Tensors = dict[str, Tensor]
Numbers = dict[str, float]
Parcel = tuple[Tensors, Numbers]
Ask = Callable[[Kind, Tensors, Numbers], list[Parcel]]
"""Sends one message to every site; the answers come in any order, each with the number of its ``site``."""


@dataclass(frozen=True)
class Node:
    """Site number ``site`` of a ``request``, whose file lies relative to ``folder``; it reads no other site's."""

    request: Request
    folder: Path
    site: int
    seed: int

    @property
    def name(self) -> str:
        return self.request.clients[self.site].name

    def answer(
        self, kind: Kind, tensors: Mapping[str, Tensor], numbers: Mapping[str, float], memory: Tensors
    ) -> Parcel:
        """The answer to a message; ``memory`` is what the site keeps from one to the next, and is changed."""
        x, y = read_site(self.request, self.folder, self.site)
        train, held = split_rows(x, y, self.request.held_out, spawn(self.seed, "held out", self.name))
        told = {"site": float(self.site)}
        if kind == "query":
            return packed(statistics_of(self.request, self.name, train)), told
        if kind == "query.shapes":
            memory.update({f"pooled/{name}": value for name, value in tensors.items()})
            return {}, told
        pooled = unpacked(_under("pooled", memory))
        width, dtype = pooled.width, pooled.dtype
        if kind == "evaluate":
            model = head_model(self.request.head, width, dtype, self.request.classes, self.seed)
            load(model, tensors["w"])
            right = accuracy(model, held[0].to(dtype), held[1]) if len(held[0]) else 0.0
            return {}, told | {"right": round(right * len(held[0])), "held": float(len(held[0]))}
        augment = augmenter_of(self.request, pooled, {}, self.seed)
        (site,) = sites_of([(train[0].to(dtype), train[1])], self.request.classes, [self.name], augment, self.seed)
        model = head_model(self.request.head, width, dtype, self.request.classes, self.seed)
        server = Server(tensors["w"], _under("state", tensors), int(numbers["round"]))
        kept = _under("kept", memory)
        upload, kept, loss = local_update(model, server, site, kept, self.request.plan, seed=self.seed)
        memory.update({f"kept/{name}": value for name, value in kept.items()})
        extra = {f"extra/{name}": value for name, value in upload.extra.items()}
        return {"w": upload.w, **extra}, told | {"n": upload.n, "loss": loss}


def coordinate(ask: Ask, request: Request, seed: int) -> tuple[Standing, dict[str, tuple[int, int]]]:
    """The server's side from the first question to the last round, and what each site then told right of its rows.

    Raises DomainError for what needs more than these messages: a budget of privacy, whose noise a site must draw once
    and keep, and mode="auto", which asks about rows held out. Raises InfeasibleError, with their names, for sites that
    do not answer and for several answers of one.
    """
    refuse_unsupported(request)
    names = [client.name for client in request.clients]

    def every(kind: Kind, tensors: Tensors, numbers: Numbers) -> list[Parcel]:
        return _in_order(ask(kind, tensors, numbers), names, kind)

    stats = dict(zip(names, (unpacked(tensors) for tensors, _ in every("query", {}, {})), strict=True))
    same_width({name: one.width for name, one in stats.items()})
    pooled = cast(ClassStats, sum(stats.values()))
    every("query.shapes", packed(pooled), {})
    plan = request.plan
    server = begin(head_model(request.head, pooled.width, pooled.dtype, request.classes, seed), plan)
    history: list[Round] = []
    for _ in range(request.rounds):
        began = time.perf_counter()
        sent = {f"state/{name}": value for name, value in ALGORITHMS[plan.algorithm].send(server.state).items()}
        answers = every("train", {"w": server.w, **sent}, {"round": float(server.round)})
        uploads = [Upload(tensors["w"], numbers["n"], _under("extra", tensors)) for tensors, numbers in answers]
        server = aggregate(server, uploads, plan, len(answers))
        losses = {name: numbers["loss"] for name, (_, numbers) in zip(names, answers, strict=True)}
        history.append(Round(server.round, losses, None, time.perf_counter() - began))
    told = [(int(numbers["right"]), int(numbers["held"])) for _, numbers in every("evaluate", {"w": server.w}, {})]
    return Standing(server, tuple({} for _ in names), tuple(history)), dict(zip(names, told, strict=True))


def _in_order(answers: list[Parcel], names: list[str], kind: Kind) -> list[Parcel]:
    """The answers in the order of the ``names``: one of each site, neither more nor fewer."""
    told = [int(numbers["site"]) for _, numbers in answers]
    if sorted(told) != list(range(len(names))):
        missing = [name for k, name in enumerate(names) if k not in told]
        doubled = [name for k, name in enumerate(names) if told.count(k) > 1]
        wrong = [f"{said} of {', '.join(some)}" for said, some in (("none", missing), ("several", doubled)) if some]
        raise InfeasibleError(
            f"{counted(len(told), 'answer')} to {kind!r}, {' and '.join(wrong) or 'some of no site of the request'}",
            "one answer of every site", "give each node a site= of its own in its configuration",
        )  # fmt: skip
    return [answer for _, answer in sorted(zip(told, answers, strict=True), key=lambda pair: pair[0])]


def refuse_unsupported(request: Request) -> None:
    """Raises DomainError for a request that these messages cannot carry."""
    if request.privacy is not None:
        raise DomainError("privacy with engine=flower", "engine=local", "its noise is drawn once and kept in the run")
    if request.augment is not None and request.augment.mode == "auto":
        raise DomainError("mode: auto with engine=flower", "mode: matched, gaussian or ggeur")


def _under(folder: str, tensors: Mapping[str, Tensor]) -> Tensors:
    return {name.removeprefix(f"{folder}/"): value for name, value in tensors.items() if name.startswith(f"{folder}/")}


def standing_tensors(standing: Standing) -> Tensors:
    """A finished federation as named tensors: weights, and the loss of each site in each round."""
    names = list(standing.history[0].loss)
    told = [[row.loss[name] for name in names] + [row.seconds] for row in standing.history]
    return {"w": standing.server.w, "history": torch.tensor(told, dtype=torch.float64)}


def standing_of(tensors: Tensors, names: list[str]) -> Standing:
    """What ``standing_tensors`` made, again."""
    history = tuple(
        Round(k, dict(zip(names, row[:-1], strict=True)), None, row[-1])
        for k, row in enumerate(tensors["history"].tolist(), 1)
    )
    return Standing(Server(tensors["w"], {}, len(history)), tuple({} for _ in names), history)
