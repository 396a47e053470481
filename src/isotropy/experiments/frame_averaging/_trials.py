"""The trials of the experiment: clouds drawn once for each seed, then networks, graphs and particles, side by side."""

from collections.abc import Iterator

from isotropy.experiments.frame_averaging._config import GRAPHS, LEARNED, NORMALS, PARTICLES, SETS, Config
from isotropy.experiments.frame_averaging._normals import clouds_job, normals_job
from isotropy.experiments.frame_averaging._prediction import particles_job
from isotropy.experiments.frame_averaging._separation import METHODS, learning_job, separation_job
from isotropy.study import Trial


def trials(config: Config) -> Iterator[Trial]:
    """What is trained and measured. Source: Puny et al., ICLR 2022; specification 03 §4."""
    for seed in config.seeds_of(max((one.seeds for one in config.point_networks), default=0)):
        job = config.job(clouds_job, seed, abc=config.abc, plan=config.normals)
        yield Trial(job, NORMALS, stage="clouds")
    for one in config.point_networks:
        tested = ("I", "SO(3)") if one.pose == "I" else ("SO(3)",)
        numbers = {(f"{one.pose}/{pose}", "1 - <n, p>^2"): f"errors.{pose}" for pose in tested}
        for seed in config.seeds_of(one.seeds):
            job = config.job(normals_job, seed, method=one.method, pose=one.pose, plan=config.normals)
            yield Trial(job, NORMALS, one.method, numbers, "networks")
    for name in SETS:
        numbers = {(name, "pairs left together"): "together", (f"{name}, copies", "largest L1 distance"): "change"}
        for method in METHODS:
            job = config.job(separation_job, method=method, graphs=name, plan=config.graphs)
            yield Trial(job, GRAPHS, method, numbers, "networks")
    for one in config.learners:
        for seed in config.seeds_of(one.seeds):
            job = config.job(learning_job, seed, method=one.method, plan=config.graphs)
            yield Trial(job, LEARNED, one.method, {(LEARNED, "accuracy"): "accuracy"}, "networks")
    numbers = {("test", "MSE per coordinate"): "test", ("E(3) error", "relative rms"): "symmetry"}
    for one in config.particle_networks:
        for seed in config.seeds_of(one.seeds):
            job = config.job(particles_job, seed, method=one.method, plan=config.particles)
            yield Trial(job, PARTICLES, one.method, numbers, "networks")
