"""``train_representation``: a dataset of views and a method, to an encoder and a latent simulator."""

from __future__ import annotations

import copy
import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from isotropy.data.render import MultiViewDataset, Pairs, check_apart
from isotropy.errors import DomainError
from isotropy.represent._encoder import SmallEncoder, SplitEncoder
from isotropy.represent._losses import Terms, variance
from isotropy.represent._methods import Plan, find_method
from isotropy.represent._predictor import HyperPredictor
from isotropy.runs import Run

if TYPE_CHECKING:
    from isotropy.train import History

_DEAD = 0.49  # of 0.495, which a constant embedding has: its columns have deviations of a hundredth


class CollapseWarning(UserWarning):
    """An encoder that says the same of all pictures."""


@dataclass(frozen=True)
class Trained:
    """The encoder, the predictor (None for methods without one), and the history with each term by name."""

    encoder: SplitEncoder
    predictor: HyperPredictor | None
    history: History


def train_representation(
    dataset: MultiViewDataset,
    method: str = "split",
    *,
    steps: int,
    batch: int = 128,
    embedding: int = 128,
    seed: int = 0,
    backbone: nn.Module | None = None,
    d_inv: int | None = None,
    rate: float = 1e-3,
    decay: float = 1e-6,
    validation: MultiViewDataset | None = None,
    run: Run | None = None,
    progress: bool | None = False,
    **settings: Any,
) -> Trained:
    """Trains an encoder on pairs of views, with no labels but for "supervised".

    A pass over the data has one pair of every *object* and not of every picture, so that 1200 steps of 128 pairs are
    300 passes over 576 objects.

    - ``method``: "split" or another of ``METHODS``. ``settings`` are the rest of the method's `Plan`: ``kind``,
      ``group_input``, ``pose``, ``colour``, ``multiplicities``, ``loss`` (a dictionary of weights), ``weight``.
    - ``backbone``: `SmallEncoder` by default; ``d_inv`` of its features are the invariant half, by default half.
    - ``embedding``: the width of the equivariant half's embedding; the other half's is in proportion.
    - ``validation``: objects to measure the loss on after each pass; none may be among those trained on.
    - ``run``: where a checkpoint is kept, from which a training goes on bit for bit.

    Adam at ``rate`` with a weight ``decay``, no schedule. Raises DomainError for too few objects or steps, SchemaError
    for an unknown method and for objects on both sides. Warns of an encoder that has collapsed. Source: Garrido,
    Najman and LeCun, ICML 2023.
    """
    from isotropy.train import Task, fit

    if steps < 1:
        raise DomainError(f"steps={steps}", "at least 1")
    if validation is not None:
        check_apart(dataset, validation)
    make = find_method(method)
    stream = dataset.stream(batch, seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        core = SmallEncoder() if backbone is None else backbone
        width = int(core.width)  # type: ignore[arg-type]
        inv = width // 2 if d_inv is None else d_inv
        equi = width - inv
        # The projectors' widths are shared in proportion, so that the equivariant half has ``embedding``.
        whole = round(embedding * width / equi) if equi else embedding
        encoder = SplitEncoder(core, inv, equi, (whole,) * 3)
        plan = Plan(width, embedding, int(dataset.labels.max()) + 1, **settings)
        parts, terms = make(plan)
        model = nn.ModuleDict({"encoder": encoder, **parts})

    def loss(model: nn.Module, pairs: Pairs) -> Terms:
        assert isinstance(model, nn.ModuleDict)
        return {name: term for name, term in terms(model, pairs).items() if name != "total"}

    own = [parameter for parameter in model.parameters() if parameter.requires_grad]
    history = fit(
        model,
        Task(loss, per="batch"),
        stream,
        optimizer=torch.optim.Adam(own, rate, weight_decay=decay),
        max_steps=steps,
        max_epochs=math.ceil(steps / len(stream)),
        validation=None if validation is None else list(validation.stream(min(batch, len(validation)), seed)),
        seed=seed,
        run=run,
        progress=progress,
    )
    model.eval()
    _warn_of_collapse(encoder, dataset, batch)
    predictor = parts.get("predictor")
    return Trained(encoder, predictor if isinstance(predictor, HyperPredictor) else None, history)


def _warn_of_collapse(encoder: SplitEncoder, dataset: MultiViewDataset, batch: int) -> None:
    # With the statistics of the batch, as in training: running ones lag behind for some hundred steps.
    with torch.no_grad():
        dead = float(variance(copy.deepcopy(encoder).train()(dataset.images[:batch, 0]).emb))
    if dead > _DEAD:
        said = f"the encoder has collapsed: the variance term is {dead:.3f} of at most 0.495, as of a constant"
        warnings.warn(said, CollapseWarning, stacklevel=3)
