"""The attention model trained and tried on one view of the cities: two pure jobs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from isotropy.data import load_tours, rounded
from isotropy.experiments.peers import AttentionModel
from isotropy.experiments.transformation_invariant._cities import (
    MOVES,
    cities_job,
    either_way,
    moved,
    optima_job,
    seen_as,
)
from isotropy.experiments.transformation_invariant._config import ToursPlan
from isotropy.experiments.transformation_invariant._tours import distances, tour_length, two_opt
from isotropy.random import derive
from isotropy.runs import Job, Run, map_jobs
from isotropy.study import job, job_of, part, size, train
from isotropy.train import Batches, Cosine, Moved

_AT_ONCE = 40_000  # cities of all tours that are decoded together
_STARTS = 20


def city_jobs(plan: ToursPlan, seed: int) -> list[Job]:
    """The jobs that make the instances to learn from, shared by all methods and seeds, and those to be tried on."""
    sizes = {"cities": plan.cities, "instances": plan.instances // plan.parts, "starts": plan.starts}
    parts = [job_of(cities_job, seed, **sizes, part=number) for number in range(plan.parts)]
    return [*parts, job_of(optima_job, seed, cities=plan.cities, instances=plan.test)]


def learning_job(plan: ToursPlan, view: str, data_seed: int, seed: int) -> Job:
    """The training of one network."""
    return job_of(learn_job, seed, view=view, data_seed=data_seed, plan=plan)


@job
def learn_job(run: Run, *, seed: int, view: str, data_seed: int, plan: ToursPlan) -> dict[str, Any]:
    """Trains an attention model to say the next city of short tours; ``seed`` makes weights, starts and batches."""
    *parts, _ = map_jobs(city_jobs(plan, data_seed), run, progress=False)
    x = torch.cat([torch.from_numpy(part["x"]) for part in parts])
    tour = torch.cat([torch.from_numpy(part["tour"]) for part in parts])
    model = _network(plan, seed)
    batches = Batches(seen_as(view, x).float(), tour, batch_size=plan.batch, seed=derive(seed, "batches"))
    history = train(
        model,
        tour_loss,
        Moved(batches, lambda x, tour, generator: (x, either_way(tour, generator)), seed, "starts"),
        plan,
        part(run, {**asdict(plan), "data_seed": data_seed}, "tours", view, seed),
        seed,
        schedule=Cosine(warmup=max(1, len(batches) // 2)),
        clip=1.0,
    )
    return {
        "weights": {name: value.numpy() for name, value in model.state_dict().items()},
        "loss": history.rows[-1]["loss"],
        "parameters": size(model),
    }


@job
def try_job(run: Run, *, seed: int, view: str, data_seed: int, plan: ToursPlan) -> dict[str, Any]:
    """Gaps to the optimum of the network of ``learn_job``: on moved uniform instances, and on real ones as they are."""
    [learnt] = map_jobs([learning_job(plan, view, data_seed, seed)], run, progress=False)
    model = _network(plan, seed)
    model.load_state_dict({name: torch.from_numpy(np.asarray(value)) for name, value in learnt["weights"].items()})
    # In float64 rounding turns no decision that the coordinates do not turn.
    model = model.double().eval()
    test = map_jobs(city_jobs(plan, data_seed), run, progress=False)[-1]
    x, optimum = torch.from_numpy(test["x"]), torch.from_numpy(test["optimum"])
    tests = {move: _gaps(model, view, moved(x, move, data_seed), distances(x), optimum) for move in MOVES}
    real: list[dict[str, Any]] = []
    for instance in load_tours(plan.largest):
        D = rounded(distances(instance.x))[None]
        gaps = _gaps(model, view, instance.x[None], D, torch.tensor([instance.optimum]))
        real.append({"name": instance.name, "cities": len(instance.x), **gaps})
    return {"tests": tests, "real": real}


def _gaps(model: AttentionModel, view: str, x: Tensor, D: Tensor, optimum: Tensor) -> dict[str, float]:
    """Mean length over the optimum, minus 1: greedily from the first city, the best of 20 starts, and after 2-opt."""
    B, n = x.shape[:2]
    k = min(n, _STARTS)
    starts = (torch.arange(k) * n // k).expand(B, k)
    rows = max(1, _AT_ONCE // (k * n))
    pieces = zip(seen_as(view, x).split(rows), starts.split(rows), strict=True)
    tour = torch.cat([model.greedy(*piece) for piece in pieces])
    length = tour_length(D.repeat_interleave(k, 0), tour.flatten(0, 1)).view(B, k)
    first, best = tour[:, 0], tour[torch.arange(B), length.argmin(1)]
    found = {"greedy": first, "best": best, "improved": two_opt(D, first), "best_improved": two_opt(D, best)}
    return {name: float((tour_length(D, one) / optimum - 1).mean()) for name, one in found.items()}


def _network(plan: ToursPlan, seed: int) -> AttentionModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "network"))
        return AttentionModel(2, plan.dim, plan.layers, plan.heads, plan.hidden)


def tour_loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Minus the log-likelihood of each tour, per step."""
    return model(*batch)
