"""One classifier of clouds, trained as they stand or turned at random, and tried both ways: a pure job."""

from dataclasses import asdict
from typing import Any, Literal, cast

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.data import Clouds, load_shapes, read_modelnet
from isotropy.experiments.transformation_invariant._classifiers import classifier
from isotropy.experiments.transformation_invariant._config import ShapesPlan
from isotropy.groups import SO
from isotropy.random import derive, spawn
from isotropy.runs import Run
from isotropy.study import accuracy, cross_entropy, job, part, size, train
from isotropy.train import Batches, Moved

_AT_ONCE = 200  # clouds that are asked at a time
Poses = Literal["I", "SO3"]  # as the clouds stand, or each turned by its own rotation


@job
def classify_job(run: Run, *, seed: int, method: str, poses: Poses, modelnet: str, plan: ShapesPlan) -> dict[str, Any]:
    """Accuracy on test clouds as they stand (``I``) and on the same points turned (``SO3``).

    The seed makes the points, the first weights, the order of the batches and the rotations; test clouds choose
    nothing.
    """
    known = _clouds("train", plan, modelnet, seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "network"))
        classes = int(known.y.max()) + 1
        model = classifier(method, classes, plan.widths, plan.hidden, plan.signed)
    batches = Batches(known.x.float(), known.y, batch_size=plan.batch, seed=derive(seed, "batches"))
    if poses == "SO3":
        batches = Moved(batches, _turned, seed, "poses")
    place = part(run, {**asdict(plan), "modelnet": modelnet}, "clouds", method, poses, seed)
    history = train(model, cross_entropy, batches, plan, place, seed, schedule=None)
    # In float64, so that a turned cloud has the coordinates of the one that stands to far more digits than a class.
    model = model.double()
    test = _clouds("test", plan, modelnet, seed)
    turned = each_turned(test.x, spawn(seed, "test poses"))
    return {
        "I": accuracy(model, test.x, test.y, at_once=_AT_ONCE),
        "SO3": accuracy(model, turned, test.y, at_once=_AT_ONCE),
        "loss": history.rows[-1]["loss"],
        "parameters": size(model),
    }


def each_turned(x: Float[Tensor, "N n 3"], generator: torch.Generator) -> Float[Tensor, "N n 3"]:
    """Every cloud under a rotation of its own, uniform over SO(3).

    >>> x = torch.ones(2, 4, 3)
    >>> torch.allclose(each_turned(x, torch.Generator()).norm(dim=2), x.norm(dim=2))
    True
    """
    g = cast(Tensor, SO(3).sample((len(x),), generator=generator, dtype=x.dtype))
    return x @ g.mT


def _clouds(part: Literal["train", "test"], plan: ShapesPlan, modelnet: str, seed: int) -> Clouds:
    if modelnet:
        return read_modelnet(modelnet, part, plan.points)
    return load_shapes(part, plan.per_class if part == "train" else plan.test_per_class, plan.points, seed)


def _turned(x: Tensor, label: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    return each_turned(x, generator), label
