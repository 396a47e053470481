"""The trials of the experiment: clouds drawn once for each seed, then networks, graphs and particles, side by side."""

from collections.abc import Iterator
from functools import partial
from itertools import product
from typing import Any

from isotropy.experiments.frame_averaging._config import GRAPHS, LEARNED, NORMALS, PARTICLES, SETS, Config
from isotropy.experiments.frame_averaging._normals import clouds_job, normals_job
from isotropy.experiments.frame_averaging._prediction import particles_job
from isotropy.experiments.frame_averaging._separation import METHODS, learning_job, separation_job
from isotropy.study import Trial


def trials(config: Config) -> Iterator[Trial]:
    """What is trained and measured. Source: Puny et al., ICLR 2022; specification 03 §4."""
    seeds = max((one.seeds for one in config.point_networks), default=0)
    yield from config.trials(clouds_job, NORMALS, stage="clouds", seeds=seeds, abc=config.abc, plan=config.normals)
    given: dict[str, Any]
    networks = partial(config.trials, stage="networks")
    for one in config.point_networks:
        tested = ("I", "SO(3)") if one.pose == "I" else ("SO(3)",)
        numbers = {(f"{one.pose}/{pose}", "1 - <n, p>^2"): f"errors.{pose}" for pose in tested}
        given = {"method": one.method, "pose": one.pose, "plan": config.normals}
        yield from networks(normals_job, NORMALS, one.method, numbers, seeds=one.seeds, **given)
    for name, method in product(SETS, METHODS):
        numbers = {(name, "pairs left together"): "together", (f"{name}, copies", "largest L1 distance"): "change"}
        yield from networks(separation_job, GRAPHS, method, numbers, method=method, graphs=name, plan=config.graphs)
    for one in config.learners:
        given = {"method": one.method, "plan": config.graphs, "seeds": one.seeds}
        yield from networks(learning_job, LEARNED, one.method, {(LEARNED, "accuracy"): "accuracy"}, **given)
    numbers = {("test", "MSE per coordinate"): "test", ("E(3) error", "relative rms"): "symmetry"}
    for one in config.particle_networks:
        given = {"method": one.method, "plan": config.particles, "seeds": one.seeds}
        yield from networks(particles_job, PARTICLES, one.method, numbers, **given)
