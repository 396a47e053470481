"""The trials: each job, and where its numbers stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from isotropy.errors import SchemaError, nearest
from isotropy.experiments.split_representation._config import (
    ABLATIONS,
    CEILINGS,
    CONTROL,
    LATENT,
    METHODS,
    SHUFFLED,
    SPLIT,
    SWEEPS,
    VARY,
    Config,
)
from isotropy.experiments.split_representation._others import PREDICTORS, ceiling_job, latent_job
from isotropy.experiments.split_representation._training import BACKBONES, METHOD, training_job
from isotropy.represent import METHODS as KNOWN
from isotropy.represent import GroupLaw
from isotropy.study import Outcome, Trial

_HEADS = {
    **{f"top1 {part}": (f"top-1, {part}", "share") for part in ("all", "inv", "equi")},
    **{f"r2 {part}": (f"rotation R2, {part}", "by component") for part in ("all", "inv", "equi")},
    **{f"pooled {part}": (f"pooled R2, {part}", "R2") for part in ("all", "inv", "equi")},
    **{f"angle {part}": (f"angle, {part}", "degrees") for part in ("all", "inv", "equi")},
    **{f"colour {part}": (f"colour R2, {part}", "R2") for part in ("all", "inv", "equi")},
    "floor": ("floor of the pooled R2", "R2"),
    "mrr": ("MRR", "1/rank"), "moved": ("MRR without the query itself", "1/rank"), "chance": ("chance MRR", "1/rank"),
    "h1": ("H@1", "share"), "h5": ("H@5", "share"), "pre": ("PRE", "error"),
    "mrr beyond": ("MRR beyond the box", "1/rank"), "moved beyond": ("MRR beyond, without itself", "1/rank"),
    "h1 beyond": ("H@1 beyond the box", "share"), "h5 beyond": ("H@5 beyond the box", "share"),
    "pre beyond": ("PRE beyond the box", "error"),
    "turn": ("turn", "degrees off"), "turn beyond": ("turn beyond the box", "degrees off"),
    **{f"law {name}": (f"group law, {name}", "per sqrt(D)") for name in GroupLaw._fields},
    **{f"copies {l}": (f"copies of degree {l}", "number") for l in range(3)},
    "rank": ("effective rank", "of the features"), "staying": ("directions that stay", "number"),
    "alive": ("directions", "number"),
    **{f"content {l}": (f"degree {l} in the equivariant half", "share") for l in range(3)},
    "predictor": ("parameters of the predictor", "number"),
}  # fmt: skip


def trials(config: Config) -> Iterator[Trial]:
    """Specification 14 §4.2, a level of its ladder, with its ablations and controls."""
    _check(config)
    given: dict[str, Any] = {
        "level": config.level, "steps": config.steps(), "pictures": config.pictures, "plan": config.training,
    }  # fmt: skip
    usual: dict[str, Any] = {**given, "seeds": config.seeds}
    # Where hues vary, one is told of them, whether it was asked for by name or not.
    methods = (*config.methods, "split-colour") if config.level == 2 else config.methods
    for method in dict.fromkeys(methods):
        yield from config.trials(training_job, METHODS, method, _told, method=method, **usual)
    for method in config.ablations:
        yield from config.trials(training_job, ABLATIONS, method, _told, method=method, **usual)
    for weight in config.sweep:
        name = f"l_equi = {weight:g}"
        yield from config.trials(training_job, SWEEPS, name, _told, method=SPLIT, equi=weight, **usual)
    for d_inv in config.splits:
        name = f"d_inv = {d_inv}"
        yield from config.trials(training_job, SWEEPS, name, _told, method=SPLIT, d_inv=d_inv, **usual)
    yield from config.trials(training_job, CONTROL, SHUFFLED, _told, method=SPLIT, control=True, **usual)
    errors = {("within the box", "relative error"): "box", ("Haar rotations", "relative error"): "haar"}
    for predictor in PREDICTORS:
        yield from config.trials(latent_job, LATENT, predictor, errors, predictor=predictor, plan=config.latent)
    ceilings = {("ceiling of R2", "by component"): "r2", ("turns that leave it as it is", "number"): "turns"}
    for symmetric in (False, True):
        yield from config.trials(
            ceiling_job, CEILINGS, "", ceilings, level=config.level, symmetric=symmetric,
            families=config.pictures.families, objects=20,
        )  # fmt: skip


def _told(outcome: Outcome) -> Mapping[tuple[str, str], Any]:
    return {_HEADS[name]: value for name, value in outcome.items() if name in _HEADS}


def _check(config: Config) -> None:
    """Raises SchemaError for levels, methods and backbones that there are not, and for halves without a feature."""
    if config.level not in VARY:
        raise SchemaError(f"level={config.level}", "0 (one axis), 1 (three axes) or 2 (everything varies)")
    backbone = config.training.backbone
    if backbone not in BACKBONES:
        raise SchemaError(
            f"training.backbone={backbone!r}", f"one of {', '.join(BACKBONES)}", nearest(backbone, BACKBONES)
        )
    width = BACKBONES[backbone]
    for d_inv in config.splits:
        if not 0 < d_inv < width:
            raise SchemaError(
                f"splits={d_inv}", f"1 to {width - 1}, of the {width} features of the backbone {backbone}"
            )
    known = (*dict.fromkeys((*METHOD, *KNOWN)),)
    for method in (*config.methods, *config.ablations):
        if method not in known:
            raise SchemaError(f"the method {method!r}", f"one of {', '.join(known)}", nearest(method, known))
