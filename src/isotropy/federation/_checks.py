"""What a site brings is checked once, and refused with the name of the site."""

from functools import reduce

import torch
from torch import Tensor

from isotropy.errors import DomainError, DtypeError, ShapeError, counted


def checked(x: Tensor, y: Tensor, classes: int, site: str = "") -> tuple[Tensor, Tensor]:
    """Rows ``x (n, p)`` of floating point and whole labels ``y (n,)`` from 0 to ``classes - 1``, as they are.

    Raises ShapeError, DtypeError or DomainError, with the site, for anything else.
    """
    of = f" of {site}" if site else ""
    x, y = torch.as_tensor(x), torch.as_tensor(y)
    if x.ndim != 2 or y.shape != x.shape[:1]:
        raise ShapeError(f"x of shape {tuple(x.shape)} and y of shape {tuple(y.shape)}{of}", "(n, p) and (n,)")
    if x.is_complex() or x.dtype == torch.bool or x.dtype in (torch.float16, torch.bfloat16):
        raise DtypeError(f"features{of} of dtype {x.dtype}", "float32 or float64 (whole numbers become float64)")
    if not x.is_floating_point():
        x = x.to(torch.float64)
    bad = int((~torch.isfinite(x)).any(1).sum())
    if bad:
        raise DomainError(f"{counted(bad, 'row')}{of} with NaN or infinite features", "finite numbers")
    if y.is_floating_point() and bool((y != y.round()).any()):
        raise DomainError(
            f"labels{of} that are not whole, such as {float(y[y != y.round()][0])}", f"0 to {classes - 1}"
        )
    y = y.to(torch.int64)
    outside = (y < 0) | (y >= classes)
    if bool(outside.any()):
        raise DomainError(
            f"{counted(int(outside.sum()), 'label')}{of} such as {int(y[outside][0])}",
            f"whole numbers from 0 to {classes - 1}",
            "number the labels from 0" if bool((y < 0).any()) else f"give classes={int(y.max()) + 1}",
        )
    return x, y


def same_width(widths: dict[str, int]) -> int:
    """The number of features that all sites have; ShapeError names two that disagree."""
    first, width = next(iter(widths.items()))
    for site, other in widths.items():
        if other != width:
            raise ShapeError(f"{width} features at {first} and {other} at {site}", "the same encoder at every site")
    return width


def one_dtype(sites: dict[str, tuple[Tensor, Tensor]]) -> dict[str, tuple[Tensor, Tensor]]:
    """Rows of all sites in the dtype that holds those of each: sites may keep theirs in different precision."""
    dtype = reduce(torch.promote_types, (x.dtype for x, _ in sites.values()))
    return {name: (x.to(dtype), y) for name, (x, y) in sites.items()}
