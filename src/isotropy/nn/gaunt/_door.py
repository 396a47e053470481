"""What every product on the sphere checks before it works: shapes, dtypes, degrees, and full precision inside."""

import warnings

import torch
from torch import Tensor

from isotropy.errors import DomainError, DtypeError, ShapeError, counted

HIGH, HIGHEST = 30, 60  # degrees above which single precision is doubtful, and refused


def degree(L: int, name: str) -> int:
    """A degree given to a constructor; DomainError unless it is a whole number of 0 or more."""
    if not isinstance(L, int) or isinstance(L, bool) or L < 0:
        raise DomainError(f"{name}={L!r}", "a degree: a whole number of 0 or more")
    return L


def reachable(highest: int, L: int, strict: bool, name: str = "L3") -> None:
    """Warn, or raise DomainError, where the output has degrees that the inputs cannot reach: they stay zero."""
    if highest <= L:
        return
    if strict:
        raise DomainError(f"{name}={highest}", f"at most {L}, the largest degree of the product")
    warnings.warn(f"{name}={highest} is above {L}: the degrees above {L} of the output are zero", stacklevel=4)


def features(x: Tensor, L: int, name: str, like: Tensor, parts: int = 1, channels: int | None = None) -> None:
    """Refuse what are not ``(..., parts C, (L+1)^2)`` real features in the dtype and on the device of ``like``."""
    size = (L + 1) ** 2
    if x.shape[-1:] != (size,):
        raise ShapeError(
            f"{name} of shape {tuple(x.shape)}",
            f"(..., C, {size}): (L+1)^2 coefficients of degrees 0..{L} on the last axis",
            "pack degree l, order m at l*l + l + m",
        )
    if channels is not None and x.shape[-2:-1] != (parts * channels,):
        raise ShapeError(
            f"{name} of shape {tuple(x.shape)}",
            f"(..., {parts * channels}, {size}): {counted(parts * channels, 'channel')}",
        )
    if parts > 1 and (x.dim() < 2 or x.shape[-2] % parts):
        raise ShapeError(
            f"{name} of shape {tuple(x.shape)}", f"(..., 2C, {size}): C proper channels, then C pseudo ones"
        )
    same_kind(x, name, like)


def same_kind(x: Tensor, name: str, like: Tensor) -> None:
    """Refuse another dtype or device than that of the module, except what autocast has rounded."""
    if not x.is_floating_point():
        raise DtypeError(f"{name} of dtype {x.dtype}", "real floating-point numbers", f"write {name}.to(torch.float32)")
    if x.device != like.device:
        raise DtypeError(
            f"{name} on {x.device}", f"{like.device}, as the module", f"write module.to({str(x.device)!r})"
        )
    if x.dtype != like.dtype and not torch.is_autocast_enabled(x.device.type):
        raise DtypeError(f"{name} of dtype {x.dtype}", f"{like.dtype}, as the module", f"write module.to({x.dtype})")


def together(x: Tensor, y: Tensor, parts_x: int, parts_y: int) -> None:
    """Refuse batches and channels of two inputs that differ; sizes of 1 stand for any."""
    if parts_x == parts_y and x.shape[:-1] == y.shape[:-1]:
        return
    shapes = [(*z.shape[:-2], z.shape[-2] // parts) for z, parts in ((x, parts_x), (y, parts_y)) if z.dim() > 1]
    try:
        torch.broadcast_shapes(*shapes)
    except RuntimeError:
        raise ShapeError(
            f"x of shape {tuple(x.shape)} and y of shape {tuple(y.shape)}",
            "the same batch axes and channels (..., C), or 1 of them",
        ) from None


def precise(highest: int, dtype: torch.dtype) -> None:
    """Warn about single precision above degree 30 and refuse it above 60."""
    if highest <= HIGH or dtype == torch.float64 or torch.compiler.is_compiling():
        return
    if highest > HIGHEST:
        raise DtypeError(f"{dtype} at degree {highest}", "float64 above degree 60", "write module.to(torch.float64)")
    warnings.warn(f"{dtype} at degree {highest}: cancellations cost digits above degree {HIGH}", stacklevel=4)


def finite(check: bool, **given: Tensor) -> None:
    """Where asked for, refuse NaN and infinity; compiled code does not look."""
    if not check or torch.compiler.is_compiling():
        return
    for name, x in given.items():
        if not bool(torch.isfinite(x).all()):
            raise DomainError(
                f"{name} with {counted(int((~torch.isfinite(x)).sum()), 'entry', 'entries')} not finite",
                "numbers",
            )


def edges(r: Tensor, like: Tensor, name: str = "edge_vec") -> None:
    """Refuse what are not ``(E, 3)`` vectors, each longer than 1e-6."""
    if r.dim() != 2 or r.shape[1] != 3:
        raise ShapeError(f"{name} of shape {tuple(r.shape)}", "(E, 3): one vector for each edge")
    same_kind(r, name, like)
    if torch.compiler.is_compiling():
        return
    short = torch.linalg.vector_norm(r.detach(), dim=1) <= 1e-6
    if bool(short.any()):
        raise DomainError(
            f"{name} of length zero (at most 1e-6) at edges {short.nonzero().flatten()[:8].tolist()}",
            "edges between points that are apart",
            "leave out self-loops and pairs of points that coincide",
        )


def along_edges(x: Tensor, r: Tensor, L: int, like: Tensor, channels: int | None = None) -> None:
    """Refuse what are not features ``(E, C, (L+1)^2)`` with a vector ``(E, 3)`` for each row."""
    features(x, L, "x_src", like, channels=channels)
    edges(r, like)
    if x.dim() != 3 or x.shape[0] != r.shape[0]:
        raise ShapeError(
            f"x_src of shape {tuple(x.shape)} for {counted(r.shape[0], 'edge')}",
            f"(E, {channels or 'C'}, {(L + 1) ** 2}): the features of the source of each edge",
            "write x[source], with one row for each edge",
        )


def series(h: Tensor, x: Tensor, L: int, like: Tensor) -> None:
    """Refuse what are not the radial factors ``(E, C, L + 1)`` of a filter for the features x, C = 1 allowed."""
    if h.dim() != 3 or h.shape[0] != x.shape[0] or h.shape[1] not in (1, x.shape[1]) or h.shape[2] != L + 1:
        raise ShapeError(
            f"radial of shape {tuple(h.shape)}",
            f"({x.shape[0]}, {x.shape[1]}, {L + 1}): one factor for each edge, channel and degree 0..{L}",
        )
    same_kind(h, "radial", like)
