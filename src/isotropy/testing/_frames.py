"""The contract of a frame: its measure moves with the input, as a weighted set, whatever the order of the points."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.groups import DiscreteMeasure, Group, Window
from isotropy.random import spawn
from isotropy.reps import Cloud, Point, Vector


def check_frame(
    frame: Callable[[Tensor], DiscreteMeasure],
    x: Float[Tensor, "clouds n d"],
    *,
    ordered: bool = False,
    tol: float | None = None,
    draws: int = 4,
    seed: int = 0,
) -> None:
    """Fail unless ``frame`` is an equivariant measure on ``frame.group`` at each of the clouds ``x``.

    For ``draws`` elements h: the atoms of h.x are those of x moved by h, with the same weights, as sets (atoms that
    agree to ``tol``, 1e-10 in float64 and 1e-4 in float32, relative to their size, count as one); they lie in the
    group; weights sum to 1; and, unless the points are ``ordered``, no order of the points changes any of it.

    Raises AssertionError naming the law, the cloud and the figure. Source: CORE §6; specification 03 §2.1 and §5.1.

    >>> from isotropy.groups import T, homogeneous
    >>> class Centroid:
    ...     group = T(2)
    ...     def __call__(self, x):
    ...         g = homogeneous(torch.eye(2).expand(len(x), 1, 2, 2), x.mean(1, keepdim=True))
    ...         return DiscreteMeasure(g, torch.zeros(len(x), 1))
    >>> check_frame(Centroid(), torch.tensor([[[0.0, 1.0], [2.0, 5.0]]]))
    """
    G: Group = frame.group  # pyright: ignore[reportFunctionMemberAccess]
    if tol is None:
        tol = 1e-10 if x.dtype == torch.float64 else 1e-4
    affine = G.affine
    measure, type_ = frame(x), Cloud(Point if affine else Vector)
    size = x.abs().amax((1, 2)).clamp(min=1)
    _check_atoms(G, measure, tol * size)
    generator = spawn(seed, "check_frame")
    within = None if G.compact else Window(G, 0.5)
    for _ in range(draws):
        h = G.sample((len(x),), generator=generator, dtype=x.dtype, device=x.device, within=within)
        assert isinstance(h, Tensor)
        moved = DiscreteMeasure(G.compose(h[:, None], measure.g), measure.log_weight)
        _check_equal(frame(type_.act(G, h, x)), moved, tol * size, "mu(h.x) = h.mu(x)")
        if not ordered:
            order = torch.randperm(x.shape[1], generator=generator).to(x.device)
            _check_equal(frame(x[:, order]), measure, tol * size, "the order of the points does not matter")


def measure_distance(
    one: DiscreteMeasure, other: DiscreteMeasure, tol: Float[Tensor, " rows"]
) -> tuple[Float[Tensor, " rows"], Float[Tensor, " rows"]]:
    """How far two measures are apart as weighted sets: atoms without a partner within ``tol``, and weights that differ.

    The first is the largest distance (largest entry) from an atom of either to the nearest of the other, the second the
    largest difference between the weights that both have within ``tol`` of some atom; both are ``(rows,)``.

    >>> g = torch.eye(2).expand(1, 2, 2, 2)
    >>> two = DiscreteMeasure(g, torch.tensor([[0.25, 0.75]]).log())
    >>> one = DiscreteMeasure(g[:, :1], torch.zeros(1, 1))
    >>> [part.item() for part in measure_distance(one, two, torch.tensor([1e-6]))]
    [0.0, 0.0]
    """
    assert isinstance(one.g, Tensor)
    assert isinstance(other.g, Tensor)
    atoms = torch.cat([one.g, other.g], 1).flatten(2)
    apart = (atoms[:, :, None] - atoms[:, None]).abs().amax(-1)
    first, real = one.g.shape[1], torch.cat([one.weight, other.weight], 1) > 0
    cross = apart.masked_fill(~real[:, None], torch.inf)
    nearest = torch.cat([cross[:, :first, first:].amin(2), cross[:, first:, :first].amin(2)], 1)
    near = (apart <= tol[:, None, None]).to(one.weight)
    mass = near[:, :, :first] @ one.weight[..., None] - near[:, :, first:] @ other.weight[..., None]
    return nearest.masked_fill(~real, 0).amax(1), (mass[..., 0] * real).abs().amax(1)


def _check_atoms(G: Group, measure: DiscreteMeasure, tol: Tensor) -> None:
    real = measure.weight > 0
    assert isinstance(measure.g, Tensor)
    assert bool(torch.isfinite(measure.g).all()), f"a frame of {G} with atoms that are not finite"
    inside = G.contains(measure.g, 1e-9 if tol.dtype == torch.float64 else 1e-4) | ~real
    assert bool(inside.all()), f"atoms outside {G} at clouds {(~inside).any(1).nonzero().flatten().tolist()}"
    total = measure.weight.double().sum(1)
    assert bool(((total - 1).abs() < 1e-6).all()), f"weights that sum to {total.tolist()}"


def _check_equal(found: DiscreteMeasure, wanted: DiscreteMeasure, tol: Tensor, law: str) -> None:
    atoms, weights = measure_distance(found, wanted, tol)
    for name, apart, bound in (("atoms", atoms, tol), ("weights", weights, tol.amin().expand_as(tol))):
        if bool((apart > bound).any()):
            worst = int((apart / bound).argmax())
            raise AssertionError(
                f"{law} fails at cloud {worst}: {name} {float(apart[worst]):.3g} apart, "
                f"tolerance {float(bound[worst]):.3g}"
            )
