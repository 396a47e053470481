"""The server of a federation: its questions, whether Flower carries them or a call does, and what it makes of answers.

query: statistics of the classes come in; query.shapes: those of all sites go out; query.halves, query.counts: how
classes are to be drawn; train: weights go out and come in; evaluate: how many rows held out are told right comes in.
With secure aggregation, statistics and weights come in as sums over all sites: query.about (what is no secret),
query.means, query, train. Everything is named tensors and named numbers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from isotropy.errors import DomainError, InfeasibleError, counted
from isotropy.federation._algorithms import ALGORITHMS, Upload
from isotropy.federation._checks import same_width
from isotropy.federation._choosing import MODES, decide, heads_of
from isotropy.federation._federate import ALL_SITES, Round, Standing, head_model
from isotropy.federation._generators import Mode
from isotropy.federation._node import Kind, Numbers, Parcel, Tensors, modes_of, modes_tensor, under
from isotropy.federation._preparing import augmenter_of, packed, unpacked
from isotropy.federation._request import Request
from isotropy.federation._rounds import Server, aggregate, begin
from isotropy.federation._statistics import ClassStats
from isotropy.federation._words import MOST, Layout, Words, means_of, statistics_of, uploads_of

Ask = Callable[[Kind, Tensors, Numbers], list[Parcel]]
"""Sends one message to every site; the answers come in any order, each with the number of its ``site``."""
Add = Callable[[Kind, Tensors, Numbers], tuple[Words, Layout]]
"""Sends one message to every site, and gets the sum of their answers."""
Every = Callable[[Kind, Tensors, Numbers], list[Parcel]]


@dataclass(frozen=True, eq=False)
class Outcome:
    """Where the federation ended, how many rows held out each site told right, the statistics that left each site (or
    were added up), and how each class is drawn where that was to be decided."""

    standing: Standing
    told: dict[str, tuple[int, int]]
    stats: dict[str, ClassStats]
    chosen: dict[int, Mode]


def coordinate(
    ask: Ask,
    request: Request,
    seed: int,
    *,
    add: Add | None = None,
    released: Mapping[str, ClassStats] | None = None,
    keep: Callable[[dict[str, ClassStats]], None] | None = None,
) -> Outcome:
    """The server's side from the first question to the last round, and what each site then told right of its rows.

    Sums come from ``add``. Statistics are asked for unless they were ``released`` before; ``keep`` gets them as soon as
    they are here. Raises DomainError for what ``refuse_unsupported`` names, InfeasibleError, with their names, for
    sites that do not answer and for several answers of one.
    """
    refuse_unsupported(request)
    names = [client.name for client in request.clients]

    def every(kind: Kind, tensors: Tensors, numbers: Numbers) -> list[Parcel]:
        return in_order(ask(kind, tensors, numbers), names, kind)

    if released is not None:
        stats = dict(released)
    elif request.secure_aggregation is None:
        stats = dict(zip(names, (unpacked(tensors) for tensors, _ in every("query", {}, {})), strict=True))
        same_width({name: one.width for name, one in stats.items()})
    else:
        assert add is not None, "whoever carries sums gives it"
        stats = {ALL_SITES: _summed(every, add, request, names)}
    if keep is not None:
        keep(stats)
    pooled = cast(ClassStats, sum(stats.values()))
    every("query.shapes", packed(pooled), {})
    chosen = _chosen(every, request, pooled)
    plan = request.plan
    server = begin(head_model(request.head, pooled.width, pooled.dtype, request.classes, seed), plan)
    history: list[Round] = []
    for _ in range(request.rounds):
        began = time.perf_counter()
        state = ALGORITHMS[plan.algorithm].send(server.state)
        sent = {"w": server.w, **{f"state/{name}": value for name, value in state.items()}}
        sent |= modes_tensor(chosen, request.classes)
        if request.secure_aggregation is None:
            answers = every("train", sent, {"round": float(server.round)})
            uploads = [Upload(tensors["w"], numbers["n"], under("extra", tensors)) for tensors, numbers in answers]
            losses = {name: numbers["loss"] for name, (_, numbers) in zip(names, answers, strict=True)}
        else:
            assert add is not None
            total, layout = add("train", sent, {"round": float(server.round)})
            uploads, loss = uploads_of(total, layout, server.w, len(names))
            losses = {ALL_SITES: loss}
        server = aggregate(server, uploads, plan, len(uploads))
        history.append(Round(server.round, losses, None, time.perf_counter() - began))
    told = [(int(numbers["right"]), int(numbers["held"])) for _, numbers in every("evaluate", {"w": server.w}, {})]
    standing = Standing(server, tuple({} for _ in names), tuple(history))
    return Outcome(standing, dict(zip(names, told, strict=True)), stats, chosen)


def _summed(every: Every, add: Add, request: Request, names: list[str]) -> ClassStats:
    """Statistics of all sites, of which no site's are seen: numbers and the mean of all rows, then sums about it."""
    masking = request.secure_aggregation
    assert masking is not None
    about = [numbers for _, numbers in every("query.about", {}, {})]
    same_width({name: int(numbers["width"]) for name, numbers in zip(names, about, strict=True)})
    n, mean = means_of(add("query.means", {}, {})[0], request.classes, masking.reach)
    if float(n.sum()) >= MOST:
        raise InfeasibleError(f"{int(n.sum())} rows in one sum", f"fewer than {MOST}", "add up parts")
    known = (n >= request.min_count).to(torch.float64)
    total, _ = add("query", {"centre": mean, "known": known}, {})
    dtype = torch.float64 if any(numbers["double"] for numbers in about) else torch.float32
    return statistics_of(total, request.classes, mean, 2 * masking.reach, len(names), dtype)


def _chosen(every: Every, request: Request, pooled: ClassStats) -> dict[int, Mode]:
    """How each class is drawn, where that depends on rows that the sites hold out."""
    augment = augmenter_of(request, pooled)
    if augment is None or augment.mode != "auto":
        return {}
    halves = [tensors for tensors, _ in every("query.halves", {}, {})]
    heads = heads_of([{mode: unpacked(under(mode, tensors)) for mode in MODES} for tensors in halves])
    sent = {f"{mode}/{name}": part.detach() for mode, head in heads.items() for name, part in head.named_parameters()}
    return decide(augment, [tensors["counts"] for tensors, _ in every("query.counts", sent, {})]).chosen


def in_order(answers: list[Any], names: list[str], kind: Kind) -> list[Any]:
    """The answers, something and numbers each, in the order of the ``names``: one of each site, no more, no fewer."""
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
    if request.privacy is not None and request.augment is not None and request.augment.mode == "auto":
        raise DomainError(
            "privacy and mode: auto with engine=flower", "mode: matched, gaussian or ggeur",
            "what decides is statistics of half of the rows, which the budget does not cover",
        )  # fmt: skip


def stats_tensors(stats: Mapping[str, ClassStats]) -> Tensors:
    """Statistics of each site as named tensors, each under the number of its place."""
    return {f"{k}/{part}": value for k, one in enumerate(stats.values()) for part, value in packed(one).items()}


def stats_of(tensors: Mapping[str, Tensor], names: list[str]) -> dict[str, ClassStats]:
    """What ``stats_tensors`` made, again."""
    return {name: unpacked(under(str(k), tensors)) for k, name in enumerate(names)}


def outcome_tensors(outcome: Outcome) -> Tensors:
    """A finished federation as named tensors."""
    standing = outcome.standing
    lines = [[*row.loss.values(), row.seconds] for row in standing.history]
    stats = {f"stats/{name}": value for name, value in stats_tensors(outcome.stats).items()}
    classes = next(iter(outcome.stats.values())).classes
    return {
        "w": standing.server.w,
        "history": torch.tensor(lines, dtype=torch.float64),
        "told": torch.tensor(list(outcome.told.values())),
        **modes_tensor(outcome.chosen, classes),
        **stats,
    }


def outcome_of(tensors: Tensors, request: Request) -> Outcome:
    """What ``outcome_tensors`` made, again."""
    names = [client.name for client in request.clients]
    seen = names if request.secure_aggregation is None else [ALL_SITES]
    history = tuple(
        Round(k, dict(zip(seen, row[:-1], strict=True)), None, row[-1])
        for k, row in enumerate(cast(list[list[float]], tensors["history"].tolist()), 1)
    )
    standing = Standing(Server(tensors["w"], {}, len(history)), tuple({} for _ in names), history)
    told = {name: (int(right), int(held)) for name, (right, held) in zip(names, tensors["told"].tolist(), strict=True)}
    return Outcome(standing, told, stats_of(under("stats", tensors), seen), modes_of(tensors))
