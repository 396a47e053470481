"""Probes: what can be read from features that are frozen, each number with its floor."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from isotropy.data.render import latents as views
from isotropy.errors import DomainError, SchemaError, ShapeError, counted
from isotropy.random import spawn
from isotropy.represent._scores import RotationScores, r2, rotation_scores

_DEAD = 1e-6  # of the largest deviation: some roundings of single precision, which leave nothing to tell below them

Parted = tuple[Tensor, Tensor]
"""Numbers of the objects to learn from, and of those to judge on."""


def rotation_probe(
    features: Tensor,
    latents: Tensor,
    objects: Parted,
    seed: int = 0,
    *,
    pose: str = "object",
    epochs: int = 300,
    width: int = 1024,
    symmetries: Sequence[Tensor] | None = None,
) -> RotationScores:
    """How well the turn between two views is read from both features ``(n_obj, n_view, d)`` by a network 2d-w-w-4.

    Mean squared error to the quaternion, Adam at 1e-3, ``epochs`` passes of one pair per object and batches of 256;
    judged on all views of the other objects, each paired with the next. Features are divided by their deviations in
    training. ``symmetries``: of each object judged, the turns that leave it as it is (``own_symmetry``); the angle is
    then modulo these.

    Raises ShapeError, SchemaError for objects on both sides, and for symmetries, which are the object's own, of
    turns in the world. Source: specification 14 §2.5.
    """

    def target(first: Tensor, second: Tensor) -> Tensor:
        return views.relative(first, second, "quat", pose, warn=False)

    if symmetries is not None and pose != "object":
        raise SchemaError(f"symmetries with pose={pose!r}", 'pose="object": they are turns in the object\'s own frame')
    if symmetries is not None and len(symmetries) != len(objects[1]):
        given = counted(len(symmetries), "symmetry", "symmetries")
        raise ShapeError(given, f"{len(objects[1])}, one for each object that is judged")
    return rotation_scores(*_read_pairs(features, latents, objects, target, seed, epochs, width), symmetries)


def colour_probe(
    features: Tensor, latents: Tensor, objects: Parted, seed: int = 0, *, epochs: int = 300, width: int = 1024
) -> float:
    """R2, floor 0, of the changes of both hues (not wrapped), read as ``rotation_probe`` reads turns."""

    def target(first: Tensor, second: Tensor) -> Tensor:
        return (second - first)[..., views.HUES]

    return r2(*_read_pairs(features, latents, objects, target, seed, epochs, width))


def linear_probe(
    features: Float[Tensor, "n v d"], labels: Int[Tensor, " n"], objects: Parted, *, penalty: float = 1e-3
) -> float:
    """The share of views whose class is read rightly, by multinomial regression, of features ``(n_obj, n_view, d)``.

    Fitted to the end on every view, where the published protocol takes 300 passes of Adam; features are divided by
    their deviations, ``penalty`` is that of the mean loss. Raises ShapeError, SchemaError for objects on both sides.
    """
    from sklearn.linear_model import LogisticRegression

    learn, judge = _checked(features, objects)
    x, y = _standardised(features, learn), labels[:, None].expand(features.shape[:2])
    if len(labels[learn].unique()) < 2:
        raise DomainError("objects of one class", "at least two classes to tell apart")
    rows = x[learn].flatten(0, 1)
    fitted = LogisticRegression(C=1 / (penalty * len(rows)), max_iter=1000)
    fitted.fit(rows.numpy(), y[learn].flatten().numpy())
    return float(fitted.score(x[judge].flatten(0, 1).numpy(), y[judge].flatten().numpy()))


def _read_pairs(
    features: Tensor,
    latents: Tensor,
    objects: Parted,
    target: Callable[[Tensor, Tensor], Tensor],
    seed: int,
    epochs: int,
    width: int,
) -> tuple[Tensor, Tensor]:
    """True and told numbers of the pairs of the objects to judge on."""
    from isotropy.data import Batches, Moved
    from isotropy.train import fit

    learn, judge = _checked(features, objects)
    if latents.shape != (*features.shape[:2], 7):
        raise ShapeError(f"latents {tuple(latents.shape)}", f"{(*features.shape[:2], 7)}, as the features")
    x, count = _standardised(features, learn), features.shape[1]

    def pair(rows: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        first = torch.randint(count, (len(rows),), generator=generator)
        other = (first + 1 + torch.randint(count - 1, (len(rows),), generator=generator)) % count
        both = torch.cat([x[rows, first], x[rows, other]], 1)
        return both, target(latents[rows, first], latents[rows, other]).float()

    draw = spawn(seed, "probe")
    shown = target(latents[learn[:1], 0], latents[learn[:1], 1])
    with torch.random.fork_rng():
        torch.manual_seed(int(torch.randint(2**31, (), generator=draw)))
        network = nn.Sequential(
            nn.Linear(2 * x.shape[2], width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(),
            nn.Linear(width, shown.shape[1]),
        )  # fmt: skip
    fit(
        network,
        lambda model, batch: (model(batch[0]) - batch[1]).square().mean(1),
        Moved(Batches(learn, batch_size=256, seed=seed), pair, seed, key="probe"),
        optimizer=torch.optim.Adam(network.parameters(), 1e-3),
        max_epochs=epochs,
        seed=seed,
        progress=False,
    )
    with torch.no_grad():
        told = network(torch.cat([x[judge], x[judge].roll(-1, 1)], 2).flatten(0, 1))
    return target(latents[judge], latents[judge].roll(-1, 1)).flatten(0, 1), told


def _checked(features: Tensor, objects: Parted) -> Parted:
    learn, judge = objects
    if features.dim() != 3 or features.shape[1] < 2:
        raise ShapeError(f"features {tuple(features.shape)}", "(n_obj, n_view, d), at least two views")
    if not bool(features.isfinite().all()):
        raise DomainError("features that are not finite", "finite numbers")
    shared = learn[torch.isin(learn, judge)]
    if len(shared):
        raise SchemaError(f"{counted(len(shared), 'object')} to learn from and to judge on", "objects on one side")
    if not len(learn) or not len(judge):
        raise DomainError("no objects on a side", "some to learn from and some to judge on")
    return learn, judge


def _standardised(features: Tensor, learn: Tensor) -> Tensor:
    """By the means and deviations of what is learned from; columns that do not vary there are 0 everywhere.

    Of such a column nothing can be learned, and where it varies for the objects judged on it would be huge.
    """
    x = features.detach().double()
    rows = x[learn].flatten(0, 1)
    deviation = rows.std(0)
    alive = deviation > _DEAD * deviation.max()
    return torch.where(alive, (x - rows.mean(0)) / deviation, 0.0).float()
