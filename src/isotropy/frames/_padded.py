"""Clouds as frames read them: checked, dense, in float64, centred where the group translates."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor

from isotropy.errors import DegenerateError, DomainError, DtypeError, ShapeError, counted
from isotropy.groups import SE, SO, DiscreteMeasure, E, Element, Group, O, homogeneous
from isotropy.linalg import Segments

TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-5}
"""Lengths below this fraction of the largest are zero when the rank of a cloud is decided."""


class DegenerateCloudError(DegenerateError):
    """A cloud without extent where one is needed: all its points coincide, or all its distances are zero."""


def check_cloud(x: Tensor, segments: Segments | None, d: int) -> None:
    """Refuse what is no batch of clouds in R^d: dense (B, n, d), or flat (N, d) with ``segments``.

    Raises ShapeError, DtypeError, or DomainError for clouds without points and coordinates that are not finite; these
    are named by their place in the batch. Source: specification 03 §7.
    """
    if x.dtype not in (torch.float32, torch.float64):
        raise DtypeError(f"coordinates of dtype {x.dtype}", "float32 or float64", "x.float(), if they are positions")
    axes, layout = (3, f"(batch, n, {d})") if segments is None else (2, f"(points, {d}) with segments")
    if x.ndim != axes or x.shape[-1] != d:
        raise ShapeError(f"x of shape {tuple(x.shape)}", layout, "a single cloud is x[None]" if x.ndim == 2 else "")
    if segments is not None and len(segments.label) != len(x):
        raise ShapeError(f"segments of {counted(len(segments.label), 'point')} for {len(x)}", "a label for each point")
    empty = torch.full((len(x),), x.shape[1] == 0) if segments is None else segments.sizes == 0
    if bool(empty.any()):
        raise DomainError(f"no points at batch {_places(empty)}", "at least one point in each cloud", "drop them")
    check_finite("coordinates", x, segments)


def check_numbers(name: str, values: Tensor, x: Tensor, segments: Segments | None) -> Num[Tensor, "*points c"]:
    """Numbers that belong to the points, (B, n, c) or (N, c), or one for each point; raises ShapeError, DomainError."""
    points = x.shape[:-1]
    if values.shape[: len(points)] != points or values.ndim > x.ndim:
        raise ShapeError(f"{name} of shape {tuple(values.shape)}", f"({', '.join(map(str, points))}, c), as the points")
    check_finite(name, values, segments)
    return values if values.ndim == x.ndim else values[..., None]


def check_weights(weights: Tensor, x: Tensor, segments: Segments | None) -> Float[Tensor, "*points"]:
    """Weights of the points, (B, n) or (N,), in float64; raises DomainError for negative ones, and as above."""
    if weights.ndim != x.ndim - 1:
        raise ShapeError(f"weights of shape {tuple(weights.shape)}", f"{tuple(x.shape[:-1])}, one for each point")
    found = check_numbers("weights", weights, x, segments)[..., 0].to(torch.float64)
    if bool((found < 0).any()):
        raise DomainError(f"negative weights at batch {_places(_rows(found < 0, segments))}", "0 or more")
    return found


def check_finite(name: str, values: Tensor, segments: Segments | None) -> None:
    """Raise DomainError, naming the clouds, for NaN and infinity."""
    finite = values.isfinite()
    if not bool(finite.all()):
        raise DomainError(f"non-finite {name} at batch {_places(_rows(~finite, segments))}", "finite ones")


def _rows(bad: Tensor, segments: Segments | None) -> Tensor:
    flat = bad.flatten(1).any(1) if bad.ndim > 1 else bad
    return flat if segments is None else segments.sum(flat.long()) > 0


def _places(bad: Tensor) -> str:
    found = bad.nonzero().flatten().tolist()
    return ", ".join(map(str, found[:5])) + (f" and {len(found) - 5} more" if len(found) > 5 else "")


@dataclass(frozen=True, eq=False)
class Padded:
    """Clouds ``unit y (B, n, d)`` about ``centre (B, d)``, y zero where padded and of largest coordinate about 1.

    In the lengths of y, ``rounding (B,)`` is what the rounding of the input makes uncertain, and ``zero (B,)`` what
    counts as nothing when a rank is decided. ``unit (B,)`` is a constant to derivatives: elements have no scale.
    """

    y: Float[Tensor, "B n d"]
    centre: Float[Tensor, "B d"]
    unit: Float[Tensor, " B"]
    rounding: Float[Tensor, " B"]
    zero: Float[Tensor, " B"]


def padded(group: Group, x: Tensor, segments: Segments | None, *, centred: bool) -> Padded:
    """The clouds ``(B, n, d)``, or flat ``(N, d)`` with segments, as Padded.

    Raises DtypeError unless x is float32 or float64, ShapeError for a wrong shape, DomainError for a cloud without
    points or with a coordinate that is not finite.

    >>> from isotropy.groups import E
    >>> clouds = padded(E(1), torch.tensor([[[1.0], [5.0]]]), None, centred=True)
    >>> clouds.y.flatten().tolist(), clouds.unit.tolist(), clouds.centre.tolist()
    ([-1.0, 1.0], [2.0], [[3.0]])
    """
    x, mask = dense(group, x, segments)
    y = x.double() * mask
    centre = y.sum(1) / mask.sum(1) if centred else torch.zeros_like(y[:, 0])
    y = (y - centre[:, None]) * mask
    with torch.no_grad():
        # Without a unit squares would overflow or vanish.
        unit = y.abs().amax((1, 2))
        unit = torch.where(unit > 0, unit, 1.0)
        spread = torch.linalg.vector_norm(y / unit[:, None, None], dim=-1).amax(1)
        offset = (x.double() * mask / unit[:, None, None]).abs().amax((1, 2))
        rounding = 32 * torch.finfo(x.dtype).eps * offset
        zero = torch.maximum(TOLERANCE[x.dtype] * spread, 2 * rounding)
    return Padded(y / unit[:, None, None], centre, unit, rounding, zero)


def dense(group: Group, x: Tensor, segments: Segments | None) -> tuple[Tensor, Tensor]:
    """Checked clouds ``(B, n, d)`` and their mask ``(B, n, 1)``."""
    check_cloud(x, segments, group.degree)
    if segments is None:
        return x, torch.ones_like(x[..., :1])
    x, valid = segments.pad(x)
    return x, valid[..., None].to(x)


def euclidean(group: Group) -> tuple[bool, bool]:
    """Whether a group of isometries keeps orientation, and whether it translates.

    Raises DomainError for a group other than O, SO, E and SE.

    >>> euclidean(SE(3))
    (True, True)
    """
    if isinstance(group, SE):
        return not isinstance(group, E), True
    if isinstance(group, SO | O):
        return not isinstance(group, O), False
    raise DomainError(f"the group {group}", "O(d), SO(d), E(d) or SE(d)")


def placed(R: Float[Tensor, "B F d d"], centre: Float[Tensor, "B d"], affine: bool, like: Tensor) -> Element:
    """The elements ``x -> R x + centre``, or R alone, in the dtype of ``like``."""
    return (homogeneous(R, centre[:, None].expand(R.shape[:-1])) if affine else R).to(like)


def nothing(group: Group, x: Tensor, *, exact: bool = True) -> DiscreteMeasure:
    """The measures of no clouds at all: no rows, of one atom each.

    >>> nothing(SE(2), torch.zeros(0, 5, 2)).g.shape
    torch.Size([0, 1, 3, 3])
    """
    size = group.degree + group.affine
    none = torch.zeros(0, dtype=torch.bool, device=x.device)
    return DiscreteMeasure(x.new_zeros(0, 1, size, size), x.new_zeros(0, 1), exact, none)


def no_rows(x: Tensor, segments: Segments | None) -> bool:
    """Whether a batch has no clouds."""
    return (len(x) if segments is None else segments.count) == 0


def filled(g: Tensor, weight: Tensor, atoms: int) -> tuple[Tensor, Tensor]:
    """As many ``atoms`` for each row, ``g (B, F, *element)`` and ``weight (B, F)``: the first again, with weight 0.

    >>> filled(torch.eye(2)[None, None], torch.ones(1, 1), 3)[1].tolist()
    [[1.0, 0.0, 0.0]]
    """
    missing = atoms - weight.shape[1]
    again = g[:, :1].detach().expand(-1, missing, *g.shape[2:])
    return torch.cat([g, again], 1), torch.nn.functional.pad(weight, (0, missing))


def stacked(parts: list[tuple[Tensor, Tensor]], rows: Int[Tensor, " B"]) -> tuple[Tensor, Tensor]:
    """Atoms and weights of groups of rows as one batch in its order, with as many atoms as the row with most has."""
    most = max(weight.shape[1] for _, weight in parts)
    elements, weights = zip(*(filled(g, weight, most) for g, weight in parts), strict=True)
    order = rows.argsort()
    return torch.cat(elements)[order], torch.cat(weights)[order]


def log_of(weight: Float[Tensor, "B F"]) -> Float[Tensor, "B F"]:
    """The logarithm, minus infinity at 0, with no NaN in its derivative."""
    kept = weight > 0
    return torch.where(kept, torch.where(kept, weight, 1.0).log(), -math.inf)
