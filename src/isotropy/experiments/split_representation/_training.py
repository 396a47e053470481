"""One training by one method, and everything that is asked of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from isotropy.data.render import MultiViewDataset
from isotropy.experiments.split_representation._config import EXACT, MLP, NO_VARIANCE, SPLIT, Pictures, Training
from isotropy.experiments.split_representation._data import around, beyond, both, shuffled
from isotropy.experiments.split_representation._steering import planes, steered
from isotropy.represent import (
    ResNet18,
    SmallEncoder,
    Split,
    Trained,
    colour_probe,
    directions,
    features,
    group_law_report,
    linear_probe,
    pre,
    rank_me,
    retrieval,
    rotation_probe,
    train_representation,
)
from isotropy.runs import Run
from isotropy.study import Outcome, job, part, size

METHOD: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    SPLIT: ("split", {"kind": "linear"}),
    EXACT: ("split", {"kind": "homomorphism"}),
    MLP: ("split", {"kind": "mlp"}),
    NO_VARIANCE: ("split", {"kind": "linear", "loss": {"predictor_variance": False}}),
    "quaternions": ("split", {"kind": "linear", "group_input": "quat"}),
    "split-colour": ("split", {"kind": "linear", "colour": True}),
}
"""Names of this experiment that are not methods of ``represent`` as they stand."""


BACKBONES: Mapping[str, int] = {"small": 96, "resnet18": ResNet18.width}
"""How many features each has."""


@job
def training_job(
    run: Run,
    *,
    seed: int,
    method: str,
    level: int,
    steps: int,
    pictures: Pictures,
    plan: Training,
    equi: float | None = None,
    d_inv: int | None = None,
    control: bool = False,
) -> Outcome:
    """Scores of a method on objects that it never saw, within the box of poses and beyond it.

    ``equi`` is another weight of the equivariant term, ``d_inv`` another width of the invariant half; ``control``
    shuffles the poses of each object in training.
    """
    train, validation = both(seed, level, pictures)
    name, settings = METHOD.get(method, (method, {}))
    own: dict[str, Any] = {"group_input": plan.group_input, **settings}
    if equi is not None:
        own["loss"] = {**own.get("loss", {}), "equi": equi}
    asked = {"level": level, "steps": steps, "equi": equi, "d_inv": d_inv, "control": control}
    place = part(run, {"plan": asdict(plan), "pictures": asdict(pictures), **asked}, method, seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        core = ResNet18(small=pictures.size <= 64) if plan.backbone == "resnet18" else SmallEncoder()
    trained = train_representation(
        shuffled(train, seed) if control else train,
        name,
        steps=steps,
        batch=min(plan.batch, len(train)),
        embedding=plan.embedding,
        rate=plan.rate,
        seed=seed,
        backbone=core,
        d_inv=d_inv,
        device=plan.device,
        run=place,
        **own,
    )
    outcome: dict[str, Any] = {"parameters": size(trained.encoder)}
    if trained.predictor is not None:
        outcome["predictor"] = size(trained.predictor)
    outcome |= _read(trained, train, validation, seed, plan)
    turn = around(seed, pictures, validation)
    said = features(trained.encoder, turn)
    # Of one name and several settings, the report shows the plain one.
    plain = equi is None and d_inv is None and not control
    traces = [planes(method, said, features(trained.encoder, validation), turn.latents)]
    if trained.predictor is not None:
        outcome |= _simulated(trained, validation, "")
        outcome |= _simulated(trained, beyond(seed, level, pictures, validation), " beyond")
        found, trace = steered(method, trained, turn)
        outcome |= found
        traces.append(trace)
    return outcome | ({"traces": traces} if plain else {})


def _read(
    trained: Trained, train: MultiViewDataset, validation: MultiViewDataset, seed: int, plan: Training
) -> dict[str, Any]:
    """What probes read from the whole representation and from each half; and the split as it is found."""
    objects = torch.arange(len(train)), torch.arange(len(train), len(train) + len(validation))
    said = [features(trained.encoder, data) for data in (train, validation)]
    whole = Split(*(torch.cat(parts) for parts in zip(*said, strict=True)))
    latents, labels = (
        torch.cat([getattr(data, name) for data in (train, validation)]) for name in ("latents", "labels")
    )
    halves: dict[str, Tensor] = {"all": whole.rep, "inv": whole.rep_inv, "equi": whole.rep_equi}
    usual: dict[str, Any] = {"epochs": plan.probe_epochs, "width": plan.probe_width}
    outcome: dict[str, Any] = {"rank": rank_me(said[1].rep)}
    hues = bool(latents[..., 3].max() > latents[..., 3].min())
    for name, x in halves.items():
        outcome[f"top1 {name}"] = linear_probe(x, labels, objects)
        scores = rotation_probe(x, latents, objects, seed, **usual)
        outcome |= {f"r2 {name}": scores.component, f"pooled {name}": scores.pooled, f"angle {name}": scores.angle}
        outcome["floor"] = scores.floor
        if hues:
            outcome[f"colour {name}"] = colour_probe(x, latents, objects, seed, **usual)
    found = directions(said[1].rep, validation.latents)
    own = directions(said[1].rep_equi, validation.latents)
    outcome |= {"staying": found.staying(), "alive": len(found.moving)}
    shares = own.content.mean(0).tolist()
    return outcome | {f"content {degree}": share for degree, share in enumerate(shares)}


def _simulated(trained: Trained, data: MultiViewDataset, where: str) -> dict[str, Any]:
    """Retrieval by the predictor, and the group law of its matrices, which do not depend on where."""
    predictor = trained.predictor
    assert predictor is not None, "asked for methods with one"
    y = trained.embed(data)
    found = retrieval(y, data.latents, predictor)
    outcome: dict[str, Any] = {
        f"mrr{where}": found.mrr, f"moved{where}": found.moved, f"h1{where}": found.h1, f"h5{where}": found.h5,
        f"pre{where}": pre(y, data.latents, predictor), "chance": found.chance,
    }  # fmt: skip
    if not where and predictor.kind != "mlp":
        law = group_law_report(predictor)
        outcome |= {f"law {name}": value for name, value in law._asdict().items()}
        outcome |= {f"copies {degree}": count for degree, count in predictor.multiplicities.items()}
    return outcome
