"""``train_representation``: a dataset of views and a method, to an encoder and a latent simulator."""

from __future__ import annotations

import copy
import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from isotropy.data.render import MultiViewDataset, Pairs, check_apart
from isotropy.errors import DomainError, SchemaError
from isotropy.modes import evaluating
from isotropy.represent._encoder import SmallEncoder, SplitEncoder
from isotropy.represent._features import features
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
    """The encoder, the predictor (None for methods without one), and the history with each term by name.

    ``head``: what the predictor's embedding is made by of the whole representation, in methods after EquiMod; None
    where that embedding is the encoder's own, ``emb_equi``.
    """

    encoder: SplitEncoder
    predictor: HyperPredictor | None
    history: History
    head: nn.Module | None = None

    @torch.no_grad()
    def embed(self, dataset: MultiViewDataset, batch: int = 512) -> Float[Tensor, "n v D"]:
        """What the predictor acts on, of every view: the embeddings that ``retrieval`` and ``pre`` ask for.

        Everything in eval mode meanwhile. Raises SchemaError for methods without a predictor, in which no embedding was
        trained to be moved.
        """
        if self.predictor is None:
            hint = "take features(trained.encoder, dataset), and best_predictor of some of them"
            raise SchemaError("embeddings for a predictor that the method does not have", "a method with one", hint)
        said = features(self.encoder, dataset, batch)
        if self.head is None:
            return said.emb_equi
        with evaluating(self.head):
            return self.head(said.rep.flatten(0, 1)).unflatten(0, said.rep.shape[:2])


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
    device: str | torch.device = "cpu",
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
    - ``device``: where the training lies; the encoder stays there, predictor and head come back.
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
        model = nn.ModuleDict({"encoder": encoder, **parts}).to(device)

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
    for part in parts.values():
        part.cpu()
    _warn_of_collapse(encoder, dataset, batch)
    predictor = parts.get("predictor")
    return Trained(encoder, predictor if isinstance(predictor, HyperPredictor) else None, history, parts.get("head"))


def _warn_of_collapse(encoder: SplitEncoder, dataset: MultiViewDataset, batch: int) -> None:
    # With the statistics of the batch, as in training: running ones lag behind for some hundred steps.
    with torch.no_grad():
        some = dataset.images[:batch, 0].to(next(encoder.parameters()).device)
        dead = float(variance(copy.deepcopy(encoder).train()(some).emb))
    if dead > _DEAD:
        said = f"the encoder has collapsed: the variance term is {dead:.3f} of at most 0.495, as of a constant"
        warnings.warn(said, CollapseWarning, stacklevel=3)
