"""Distances only: shortest paths of a road-like graph, embedded, and tours found there (§4.3): a pure job."""

import statistics
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components, shortest_path
from torch import Tensor

from isotropy.experiments.transformation_invariant._config import GraphsPlan
from isotropy.experiments.transformation_invariant._optimum import optimal_tour
from isotropy.experiments.transformation_invariant._tours import distances, short_tours, tour_length
from isotropy.frames import classical_mds, stress
from isotropy.random import spawn
from isotropy.runs import Run
from isotropy.study import job


def roads(nodes: int, radius: float, generator: torch.Generator) -> tuple[Float[Tensor, "n 2"], Float[Tensor, "n n"]]:
    """Positions and shortest paths of the greatest component of a random geometric graph in the unit square.

    >>> x, D = roads(30, 0.4, torch.Generator().manual_seed(0))
    >>> bool((D >= distances(x) - 1e-12).all()), bool(D.isfinite().all())
    (True, True)
    """
    x = torch.rand(nodes, 2, generator=generator, dtype=torch.float64)
    straight = distances(x)
    # Entries of 0 are no edges to scipy.
    edges: NDArray[np.float64] = torch.where(straight <= radius, straight, 0.0).numpy()
    label = torch.from_numpy(connected_components(edges, directed=False)[1])
    kept = label == label.bincount().argmax()
    within = kept.numpy()
    D = shortest_path(edges[np.ix_(within, within)], directed=False)
    # Sums along a path and back again differ in their last bits.
    return x[kept], torch.from_numpy(np.minimum(D, D.T))


@job
def embed_job(run: Run, *, seed: int, plan: GraphsPlan) -> dict[str, Any]:
    """Stress and tours by what the search sees: roads, straight lines, each embedding; of each graph, and the mean.

    ``gap`` is what the best local optimum there costs on the roads, over the proven optimum.
    """
    graphs = [_graph(plan, spawn(seed, "roads", number)) for number in range(plan.graphs)]
    seen = searches(plan)
    means = {
        what: {name: statistics.fmean(one[what][name] for one in graphs) for name in seen} for what in ("stress", "gap")
    }
    return {"graphs": graphs, **means}


def searches(plan: GraphsPlan) -> tuple[str, ...]:
    """What the search for tours sees: true distances, straight lines, and the embedding in each dimension.

    >>> searches(GraphsPlan(dimensions=(2, 3)))
    ('road distances', 'straight lines', 'MDS, k=2', 'MDS, k=3')
    """
    return ("road distances", "straight lines", *(f"MDS, k={k}" for k in plan.dimensions))


def _graph(plan: GraphsPlan, generator: torch.Generator) -> dict[str, Any]:
    x, D = roads(plan.nodes, float(plan.radius), generator)
    found = [classical_mds(D=D, k=k) for k in plan.dimensions]
    # The same random starts everywhere, so that only the distances differ.
    state = generator.get_state()
    gaps: list[float] = []
    optimum = float(tour_length(D[None], torch.from_numpy(optimal_tour(D.numpy()))[None]))
    for believed in (D, distances(x), *(distances(one.Y) for one in found)):
        generator.set_state(state)
        tour = short_tours(believed[None], starts=plan.starts, generator=generator)
        gaps.append(float(tour_length(D[None], tour)) / optimum - 1)
    numbers = {"stress": [0.0, stress(D, x), *(one.stress for one in found)], "gap": gaps}
    named = {what: dict(zip(searches(plan), values, strict=True)) for what, values in numbers.items()}
    return {"nodes": len(x), "negative_mass": found[0].negative_mass, **named}
