"""The latent simulator at work: carried by g, does an embedding arrive at the view that g leads to?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.data.render import latents as views
from isotropy.errors import DomainError, SchemaError, ShapeError

Predictor = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Retrieval:
    """``mrr``, the mean reciprocal rank, and ``h1 h2 h5 h10``, the shares of queries ranked within these.

    ``chance`` is the mean reciprocal rank of random embeddings, ``moved`` that without the query that asks for the view
    it starts from.

    >>> Retrieval(1.0, 1.0, 1.0, 1.0, 1.0, 0.09, 1.0).chance
    0.09
    """

    mrr: float
    h1: float
    h2: float
    h5: float
    h10: float
    chance: float
    moved: float


@torch.no_grad()
def retrieval(
    y: Tensor,
    latents: Tensor,
    predictor: Predictor,
    group_input: str | None = None,
    pose: str | None = None,
    *,
    colour: views.Colour | None = None,
    gallery: Tensor | None = None,
) -> Retrieval:
    """Ranks of the true views among those of the same object, for the first view carried to every view.

    ``y (n_obj, n_view, D)`` are embeddings, ``predictor(y (B, D), g (B, k))`` carries them. Of each object the queries
    are W(g_0j) y_0 for all j, j = 0 included, and the gallery all its views; both are divided by their lengths and
    compared by their product. Ties share their mean rank, so that a constant embedding is no better than chance.
    ``gallery``: the numbers of some views. ``group_input``, ``pose`` and ``colour`` are the predictor's own where it
    has them (`HyperPredictor`), and else "matrix", "object" and False.

    Raises ShapeError, DomainError for embeddings that are not finite, SchemaError where a target is not in the gallery
    and for words that are not the predictor's.
    """
    query = _carried(y, latents, predictor, group_input, pose, colour)
    count = y.shape[1]
    if gallery is not None and not bool(torch.isin(torch.arange(count), gallery).all()):
        raise SchemaError("a gallery without the target of each query", f"all {count} views", "leave gallery= out")
    alike = query @ _unit("embeddings", y).mT  # (object, query, view)
    own = alike.diagonal(dim1=1, dim2=2)[..., None]
    # What differs by rounding alone is a tie: a few units of the last place of a product of unit vectors.
    same = (alike - own).abs() <= 8 * torch.finfo(y.dtype).eps
    rank = ((alike > own) & ~same).sum(-1) + (1 + same.sum(-1)) / 2
    inverse = 1 / rank.double()
    h1, h2, h5, h10 = (float((rank <= k).double().mean()) for k in (1, 2, 5, 10))
    chance = float((1 / torch.arange(1, count + 1, dtype=torch.float64)).mean())
    return Retrieval(float(inverse.mean()), h1, h2, h5, h10, chance, float(inverse[:, 1:].mean()))


@torch.no_grad()
def pre(
    y: Tensor,
    latents: Tensor,
    predictor: Predictor,
    group_input: str | None = None,
    pose: str | None = None,
    *,
    colour: views.Colour | None = None,
    gallery: tuple[Tensor, Tensor] | None = None,
) -> float:
    """The error of the pose retrieved, mean of ``1 - <q_target, q_found>^2``: 0 is perfect, random ones have 0.63.

    Queries, words and refusals as in ``retrieval``; the nearest embedding of *all* objects' views is found, or of a
    ``gallery`` of ``(embeddings (m, v, D), latents (m, v, 7))``.
    """
    query = _carried(y, latents, predictor, group_input, pose, colour)
    other, poses = (y, latents) if gallery is None else gallery
    stock = _unit("embeddings of the gallery", other).flatten(0, 1)
    target, q = views.quaternion(latents).flatten(0, 1), views.quaternion(poses).flatten(0, 1)
    found = torch.cat([(part @ stock.mT).argmax(1) for part in query.flatten(0, 1).split(1024)])
    return float(1 - (target * q[found]).sum(1).square().mean())


def _carried(
    y: Tensor,
    latents: Tensor,
    predictor: Predictor,
    group_input: str | None,
    pose: str | None,
    colour: views.Colour | None,
) -> Float[Tensor, "n v D"]:
    """Of unit length, the first view of each object carried to every view."""
    if y.dim() != 3 or latents.shape != (*y.shape[:2], 7):
        raise ShapeError(f"y {tuple(y.shape)} and latents {tuple(latents.shape)}", "(n_obj, n_view, D) and (..., 7)")
    _unit("embeddings", y)
    written = (
        _own(predictor, "group_input", group_input, "matrix"),
        _own(predictor, "pose", pose, "object"),
        _own(predictor, "colour", colour, False),
    )
    start = latents[:, :1].expand_as(latents)
    g = views.relative(start, latents, *written, warn=False).to(y)
    carried = predictor(y[:, :1].expand_as(y).flatten(0, 1), g.flatten(0, 1))
    return _unit("carried embeddings", carried).unflatten(0, y.shape[:2])


def _own(predictor: Predictor, word: str, given: Any, default: Any) -> Any:
    """How the predictor says that it is asked; else as given, or by default."""
    own = getattr(predictor, word, default if given is None else given)
    if given is not None and given != own:
        raise SchemaError(f"{word}={given!r}", f"{own!r}, as of the predictor", f"leave {word}= out")
    return own


def _unit(what: str, x: Tensor) -> Tensor:
    """Divided by their lengths; raises DomainError unless finite, for NaN is neither behind others nor before them."""
    if not bool(x.isfinite().all()):
        raise DomainError(f"{what} that are not finite", "finite numbers")
    return torch.nn.functional.normalize(x, dim=-1)
