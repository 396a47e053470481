"""The trials of the experiment: classifiers of clouds, attention models on tours, embeddings of distances."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping

from isotropy.errors import SchemaError
from isotropy.experiments.transformation_invariant._classification import classify_job
from isotropy.experiments.transformation_invariant._config import COSTLY, METHODS, POSED, VIEWS, Config
from isotropy.experiments.transformation_invariant._distances import embed_job
from isotropy.experiments.transformation_invariant._routing import city_jobs, learning_job, try_job
from isotropy.study import Outcome, Trial

REAL = ("greedy", "best", "improved", "best_improved")


def trials(config: Config) -> Iterator[Trial]:
    """Networks trained and tried. Source: Zhang et al., arXiv 2112.12345; specification 08 §4.

    Raises ``SchemaError`` for large clouds without the folder of ModelNet40.
    """
    if config.large and not config.modelnet:
        raise SchemaError(
            "the full experiment without ModelNet40",
            "the folder of its h5 files (modelnet40_ply_hdf5_2048, 435 MB)",
            "isotropy reproduce transformation-invariant --full --set modelnet=FOLDER",
        )
    yield from _clouds(config)
    yield from _tours(config)
    yield Trial(config.job(embed_job, plan=config.graphs), "distances", stage="distances")


def _clouds(config: Config) -> Iterator[Trial]:
    standing = {name: config.seeds_of_others if name in COSTLY else config.seeds for name in METHODS}
    # Trained on turned clouds the moment rule only shows that nothing changes: few seeds say so.
    turned = {name: config.seeds if name == "plain" else config.seeds_of_others for name in POSED}
    for poses, methods in (("I", standing), ("SO3", turned)):
        numbers = {(f"{poses}/{tried}", "share recognised"): tried for tried in dict.fromkeys((poses, "SO3"))}
        for name, count in methods.items():
            for seed in config.seeds_of(count):
                given = {"method": name, "poses": poses, "modelnet": config.modelnet, "plan": config.shapes}
                yield Trial(config.job(classify_job, seed, **given), "clouds", METHODS[name], numbers, "clouds")


def _tours(config: Config) -> Iterator[Trial]:
    for job in city_jobs(config.tours, config.seed):
        yield Trial(job, "tours", stage="labels")
    for view, name in VIEWS.items():
        for seed in config.seeds_of(config.seeds if view == "invariant" else config.seeds_of_others):
            learning = learning_job(config.tours, view, config.seed, seed)
            yield Trial(learning, "tours", name, {("training", "loss"): "loss"}, "attention models")
            trying = config.job(try_job, seed, view=view, data_seed=config.seed, plan=config.tours)
            yield Trial(trying, "tours", name, _tried, "tours")


def _tried(outcome: Outcome) -> Mapping[tuple[str, str], float]:
    """Gaps by move, greedy and the best of twenty starts; on TSPLIB the mean over instances."""
    tests, real = outcome["tests"], outcome["real"]
    starts = {"greedy": "", "best": ", best of 20 starts"}
    return {
        **{(f"{move}{starts[key]}", "gap"): gaps[key] for move, gaps in tests.items() for key in starts},
        **{(f"TSPLIB, {key}", "gap"): statistics.fmean(one[key] for one in real) for key in REAL},
    }
