"""Instances of the travelling salesman problem: uniform cities with labels, and moved copies."""

from typing import Any, cast

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.errors import SchemaError
from isotropy.experiments.transformation_invariant._optimum import optimal_tour
from isotropy.experiments.transformation_invariant._tours import distances, short_tours, tour_length
from isotropy.frames import InvariantCoordinates
from isotropy.groups import O
from isotropy.random import spawn
from isotropy.runs import Run
from isotropy.study import job

MOVES = ("same", "rotated", "translated", "times 10", "times 0.1", "all together")
VIEWS = {
    "raw": "AM, raw coordinates",
    "centred": "AM, centre + divide by max",
    "minmax": "AM, min-max to the unit square",
    "invariant": "Tinv-AM",
}
"""What the attention model is shown."""
_SHIFT = 5.0


@job
def cities_job(run: Run, *, seed: int, cities: int, instances: int, starts: int, part: int) -> dict[str, Any]:
    """Uniform instances in the unit square and near-optimal tours of them, to learn from."""
    generator = spawn(seed, "cities", part)
    x = torch.rand(instances, cities, 2, generator=generator, dtype=torch.float64)
    tour = short_tours(distances(x.float()), starts=starts, generator=generator)
    return {"x": x.numpy(), "tour": tour.numpy()}


@job
def optima_job(run: Run, *, seed: int, cities: int, instances: int) -> dict[str, Any]:
    """Other uniform instances, and the lengths of proven optimal tours."""
    # The first set, "test cities", was looked at when the small sizes were chosen.
    x = torch.rand(instances, cities, 2, generator=spawn(seed, "test cities, second set"), dtype=torch.float64)
    D = distances(x)
    tours = torch.from_numpy(np.stack([optimal_tour(matrix.numpy()) for matrix in D]))
    optimum = tour_length(D, tours).numpy()
    return {"x": x.numpy(), "optimum": optimum}


def moved(x: Float[Tensor, "B n 2"], move: str, seed: int) -> Float[Tensor, "B n 2"]:
    """Every instance under a similarity of its own (§4.2, tests i-v); turns, mirror images among them, are about the
    middle of the unit square, so that rotated cities stay as near to it as they can.

    >>> moved(torch.ones(1, 3, 2), "times 10", seed=0)[0, 0].tolist()
    [10.0, 10.0]
    """
    generator, B = spawn(seed, "moves"), len(x)
    turn = cast(Tensor, O(2).sample((B,), generator=generator, dtype=x.dtype))
    shift = (2 * torch.rand(B, 1, 2, generator=generator, dtype=x.dtype) - 1) * _SHIFT
    size = 10 ** (2 * torch.rand(B, 1, 1, generator=generator, dtype=x.dtype) - 1)
    turned = (x - 0.5) @ turn.mT + 0.5
    copies = {
        "same": x,
        "rotated": turned,
        "translated": x + shift,
        "times 10": x * 10,
        "times 0.1": x * 0.1,
        "all together": size * turned + shift,
    }
    return copies[move]


def seen_as(method: str, x: Float[Tensor, "B n 2"]) -> Float[Tensor, "B n 2"]:
    """What the attention model is shown: the ``raw`` coordinates, or what a preprocessing makes of them.

    ``centred``: the mean subtracted, then divided by the greatest distance from it. ``minmax``: both axes shifted to
    begin at 0 and divided by the greater range, the largest copy in the unit square.
    ``invariant``: InvariantCoordinates.

    >>> seen_as("minmax", torch.tensor([[[1.0, 1.0], [5.0, 3.0]]])).tolist()
    [[[0.0, 0.0], [1.0, 0.5]]]
    """
    if method == "raw":
        return x
    if method == "centred":
        centred = x - x.mean(1, keepdim=True)
        return centred / torch.linalg.vector_norm(centred, dim=2).amax(1)[:, None, None]
    if method == "minmax":
        low = x.amin(1, keepdim=True)
        return (x - low) / (x.amax(1, keepdim=True) - low).amax(2, keepdim=True)
    if method == "invariant":
        return InvariantCoordinates(dim=2)(x)[0]
    raise SchemaError(f"the method {method!r}", "raw, centred, minmax or invariant")


def either_way(tour: Int[Tensor, "B n"], generator: torch.Generator) -> Int[Tensor, "B n"]:
    """The same closed tours from a random city in a random direction.

    >>> sorted(either_way(torch.tensor([[2, 0, 1]]), torch.Generator()).flatten().tolist())
    [0, 1, 2]
    """
    B, n = tour.shape
    start = torch.randint(n, (B, 1), generator=generator)
    step = 2 * torch.randint(2, (B, 1), generator=generator) - 1
    return tour.gather(1, (start + step * torch.arange(n)) % n)
