"""Methods of self-supervision under one interface: what they have beside the encoder, and their terms of a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from isotropy.data.render import Pairs, latents
from isotropy.errors import SchemaError, nearest
from isotropy.represent._encoder import Split, projector
from isotropy.represent._losses import NTXent, SplitLoss, Terms, VICRegLoss
from isotropy.represent._predictor import HyperPredictor


@dataclass(frozen=True)
class Plan:
    """What methods choose from.

    - ``width`` of the representation, ``embedding`` of an embedding of its equivariant half, number of ``classes``.
    - ``kind``, ``group_input``, ``pose``, ``colour``, ``multiplicities``: of the predictor (``HyperPredictor``).
    - ``loss``: fields of the method's loss that are other than its defaults; ``weight`` of a second term.
    """

    width: int
    embedding: int
    classes: int
    kind: str = "linear"
    group_input: str = "irreps"
    pose: str = "object"
    colour: latents.Colour = False
    multiplicities: Mapping[int, int] | None = None
    loss: Mapping[str, Any] = field(default_factory=dict[str, Any])
    weight: float = 1.0

    def predictor(self, **other: Any) -> HyperPredictor:
        given: dict[str, Any] = {"kind": self.kind, "multiplicities": self.multiplicities, **other}
        return HyperPredictor(self.embedding, self.group_input, pose=self.pose, colour=self.colour, **given)

    def between(self, pairs: Pairs) -> Tensor:
        """The group elements of a batch, in single precision."""
        found = latents.relative(pairs.latents1, pairs.latents2, self.group_input, self.pose, self.colour, warn=False)
        return found.to(pairs.x1.device, torch.float32)


Parts = nn.ModuleDict
Method = Callable[[Plan], tuple[dict[str, nn.Module], Callable[[Parts, Pairs], Terms]]]
"""From a plan to the modules beside the encoder, and the terms of a batch."""


def both(model: Parts, pairs: Pairs) -> tuple[Split, Split]:
    """What the encoder says of both views, which are one batch to its batch norms."""
    said: Split = model["encoder"](torch.cat([pairs.x1, pairs.x2]))
    first, second = zip(*(part.chunk(2) for part in said), strict=True)
    return Split(*first), Split(*second)


def _split(plan: Plan) -> Any:
    loss = SplitLoss(**plan.loss)

    def terms(model: Parts, pairs: Pairs) -> Terms:
        a, b = both(model, pairs)
        return loss(a, b, model["predictor"](a.emb_equi, plan.between(pairs)))

    return {"predictor": plan.predictor()}, terms


def _vicreg(plan: Plan) -> Any:
    return _alike(VICRegLoss(**plan.loss))


def _simclr(plan: Plan) -> Any:
    return _alike(NTXent(**plan.loss))


def _alike(loss: Callable[[Tensor, Tensor], Terms]) -> Any:
    """Both views alike, all of them: nothing is known of what moved."""

    def terms(model: Parts, pairs: Pairs) -> Terms:
        a, b = both(model, pairs)
        return loss(a.emb, b.emb)

    return {}, terms


def _augself(plan: Plan) -> Any:
    contrast, numbers = NTXent(**plan.loss), latents.width("quat", plan.colour)

    def terms(model: Parts, pairs: Pairs) -> Terms:
        a, b = both(model, pairs)
        g = latents.relative(pairs.latents1, pairs.latents2, "quat", plan.pose, plan.colour, warn=False)
        error = model["told"](torch.cat([a.rep, b.rep], 1)) - g.to(a.rep)
        return _and(contrast(a.emb, b.emb), "told", plan.weight * error.square().mean())

    return {"told": _reader(2 * plan.width, numbers)}, terms


def _equimod(plan: Plan, *, inv: bool = True, predictor: HyperPredictor | None = None) -> Any:
    """A head for what stays and one for what moves, both of the whole representation; contrasts of both."""
    contrast, widths = NTXent(**plan.loss), [plan.embedding] * 2
    parts: dict[str, nn.Module] = {"head": projector(plan.width, widths), "predictor": predictor or plan.predictor()}

    def terms(model: Parts, pairs: Pairs) -> Terms:
        a, b = both(model, pairs)
        y, z = model["head"](torch.cat([a.rep, b.rep])).chunk(2)
        moved = plan.weight * contrast(model["predictor"](y, plan.between(pairs)), z)["total"]
        return _and(contrast(a.emb, b.emb), "equi", moved) if inv else {"equi": moved, "total": moved}

    return parts, terms


def _equimod_own(plan: Plan) -> Any:
    return _equimod(plan, predictor=plan.predictor(kind="mlp", multiplicities=None))


def _equimod_linear(plan: Plan) -> Any:
    return _equimod(plan, predictor=plan.predictor(kind="linear", multiplicities=None))


def _only_equivariance(plan: Plan) -> Any:
    return _equimod(plan, inv=False)


def _sen(plan: Plan) -> Any:
    """The latent is made of vectors, on which the rotation acts as it does in space: nothing about it is learned."""
    vectors = {0: plan.embedding % 3, 1: plan.embedding // 3}
    fixed = plan.predictor(kind="homomorphism", multiplicities=vectors)
    nn.init.zeros_(fixed.skew)  # Q = 1
    return _equimod(plan, inv=False, predictor=fixed.requires_grad_(False))


def _supervised(plan: Plan) -> Any:
    """Labels and poses, told in training: the ceiling of both, and no self-supervision."""

    def terms(model: Parts, pairs: Pairs) -> Terms:
        a, b = both(model, pairs)
        labels = torch.cat([pairs.labels, pairs.labels])
        named = nn.functional.cross_entropy(model["named"](torch.cat([a.rep, b.rep])), labels)
        g = latents.relative(pairs.latents1, pairs.latents2, "quat", plan.pose, plan.colour, warn=False)
        told = (model["told"](torch.cat([a.rep, b.rep], 1)) - g.to(a.rep)).square().mean()
        return {"named": named, "told": plan.weight * told, "total": named + plan.weight * told}

    numbers = latents.width("quat", plan.colour)
    return {"named": nn.Linear(plan.width, plan.classes), "told": _reader(2 * plan.width, numbers)}, terms


def _reader(width: int, numbers: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, 256), nn.ReLU(), nn.Linear(256, numbers))


def _and(terms: Terms, name: str, term: Tensor) -> Terms:
    return {**terms, name: term, "total": terms["total"] + term}


METHODS: dict[str, Method] = {
    "split": _split,
    "vicreg": _vicreg,
    "simclr": _simclr,
    "augself": _augself,
    "equimod": _equimod_own,
    "equimod-linear": _equimod_linear,
    "only-equivariance": _only_equivariance,
    "sen": _sen,
    "supervised": _supervised,
}
"""By name: SIE, VICReg (Bardes 2022), SimCLR (Chen 2020), SimCLR with AugSelf (Lee 2021), EquiMod with its own
predictor and with the linear one (Devillers and Lefort 2022), equivariance alone, SEN (Park 2022), and labels
with poses."""


def find_method(name: str) -> Method:
    """Raises SchemaError for an unknown name."""
    if name not in METHODS:
        raise SchemaError(f"method={name!r}", f"one of {', '.join(METHODS)}", nearest(name, METHODS))
    return METHODS[name]
