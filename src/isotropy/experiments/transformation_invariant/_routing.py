"""The attention model trained and tried on one view of the cities: a pure job."""

import statistics
from dataclasses import asdict
from typing import Any

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
TRIED = {"greedy": "greedy", "best": "best of 20", "improved": "greedy + 2-opt", "best_improved": "best + 2-opt"}
"""Tours that are tried, and what tables call them: from the first city, the best of all starts, both after 2-opt."""
SETTINGS = (*MOVES, *(f"{move}, best of 20 starts" for move in MOVES), *(f"TSPLIB, {name}" for name in TRIED))


def city_jobs(plan: ToursPlan, seed: int) -> list[Job]:
    """The jobs that make the instances to learn from, shared by all methods and seeds, and those to be tried on."""
    sizes = {"cities": plan.cities, "instances": plan.instances // plan.parts, "starts": plan.starts}
    parts = [job_of(cities_job, seed, **sizes, part=number) for number in range(plan.parts)]
    return [*parts, job_of(optima_job, seed, cities=plan.cities, instances=plan.test)]


@job
def tours_job(run: Run, *, seed: int, view: str, data_seed: int, plan: ToursPlan) -> dict[str, Any]:
    """Trains an attention model to say the next city of short tours; ``seed`` makes weights, starts and batches.

    ``gaps`` to the optimum are those on moved uniform instances, and the means over ``real`` ones as they are.
    """
    *parts, test = map_jobs(city_jobs(plan, data_seed), run, progress=False)
    x = torch.cat([torch.from_numpy(part["x"]) for part in parts])
    tour = torch.cat([torch.from_numpy(part["tour"]) for part in parts])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "network"))
        model = AttentionModel(2, plan.dim, plan.layers, plan.heads, plan.hidden)
    batches = Batches(seen_as(view, x).float(), tour, batch_size=plan.batch, seed=derive(seed, "batches"))
    train(
        model,
        tour_loss,
        Moved(batches, lambda x, tour, generator: (x, either_way(tour, generator)), seed, "starts"),
        plan,
        part(run, {**asdict(plan), "data_seed": data_seed}, "tours", view, seed),
        seed,
        schedule=Cosine(warmup=max(1, len(batches) // 2)),
        clip=1.0,
    )
    # In float64 rounding turns no decision that the coordinates do not turn.
    model = model.double()
    x, optimum = torch.from_numpy(test["x"]), torch.from_numpy(test["optimum"])
    tests = [_gaps(model, view, moved(x, move, data_seed), distances(x), optimum) for move in MOVES]
    real: list[dict[str, Any]] = []
    for instance in load_tours(plan.largest):
        D = rounded(distances(instance.x))[None]
        found = _gaps(model, view, instance.x[None], D, torch.tensor([instance.optimum]))
        real.append({"instance": instance.name, "cities": len(instance.x), **found})
    gaps = [found[name] for name in ("greedy", "best") for found in tests]
    gaps += [statistics.fmean(one[name] for one in real) for name in TRIED]
    return {"gaps": dict(zip(SETTINGS, gaps, strict=True)), "real": real, "parameters": size(model)}


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
    found = zip(TRIED, (first, best, two_opt(D, first), two_opt(D, best)), strict=True)
    return {name: float((tour_length(D, one) / optimum - 1).mean()) for name, one in found}


def tour_loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Minus the log-likelihood of each tour, per step."""
    return model(*batch)
