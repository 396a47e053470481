"""What a frame accepts: clouds with points, in floating point, finite, of the group's dimension."""

import torch
from jaxtyping import Float, Num
from torch import Tensor

from isotropy.errors import DegenerateError, DomainError, DtypeError, ShapeError
from isotropy.linalg import Segments


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
        raise ShapeError(f"segments of {len(segments.label)} points for {len(x)}", "a label for each point")
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
