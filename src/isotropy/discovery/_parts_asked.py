"""A model asked part by part: errors under independent motions, and what is certain of its points."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from isotropy.discovery._by_parts import Certified, PartError, PiecewiseAudit, picture
from isotropy.errors import SchemaError, ShapeError, counted
from isotropy.frames import Certificate, Partition, piecewise_certificate
from isotropy.frames.parts import motions_of
from isotropy.groups import parse
from isotropy.linalg import Segments
from isotropy.measure import equivariance_error
from isotropy.modes import evaluating
from isotropy.random import spawn
from isotropy.reps import Piecewise, Point, Rep, parse_rep
from isotropy.study import answering, fingerprint

_CLOUDS, _DRAWS = 8, 8  # more of them would only narrow the intervals
_SMALL = 0.05
"""Radians, and of the radius of the cloud: small motions, under which cells far from other parts stay what they are."""
_KS = (8, 24, 64, 192)


def audit_parts(
    model: Any,
    x: Tensor,
    part: Tensor | Sequence[Tensor],
    *,
    rep_out: Rep | str | None = None,
    group: str = "E(3)",
    segments: Segments | None = None,
    names: Sequence[str] | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    name: str = "",
    seed: int = 0,
) -> PiecewiseAudit:
    """How far ``model`` is from equivariant when the parts of clouds ``x`` move each by its own element of ``group``.

    ``x`` are clouds (clouds, n, 3), or flat (N, 3) with ``segments``; ``part`` the part of each point, whole numbers
    (clouds, n), (n,) or (N,), ``names`` what parts are called. The model takes clouds (clouds, n, 3), each answered as
    if it were alone, or one (N, 3), and gives an output for each point, of the type ``rep_out`` (numbers that nothing
    moves, by default), or that and its partitions, as ``isotropy.nn.PiecewiseSegmenter`` does. ``group`` is "E(3)",
    "SE(3)", "O(3)" or "SO(3)". At most 8 clouds are asked about. With ``out`` the directory gets result.json and
    report.html; ``resume`` continues it; ``name`` is that of the model, ``seed`` that of the motions.

    Raises ShapeError and SchemaError for what does not fit, RunDirectoryError for a directory of another model, other
    clouds or parts. Source: specification 06 §2.3.

    >>> x = torch.randn(2, 40, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    >>> found = audit_parts(lambda x: x - x.mean(1, keepdim=True), x, torch.arange(40) // 20)
    >>> found["part 0"].error.mean > 0.1, found.told
    (True, False)
    """
    began = time.monotonic()
    rep_out = parse_rep(rep_out) if isinstance(rep_out, str) else rep_out
    clouds, labels, numbers = _clouds(x, part, segments)
    K = len(numbers)
    called = [f"part {k}" if names is None else names[k] for k in numbers]
    kind = model if hasattr(model, "__qualname__") else type(model)
    settings = {
        "group": group, "seed": seed, "rep_out": str(rep_out), "model": name,
        "kind": f"{kind.__module__}:{kind.__qualname__}", "parts": called, "sizes": list(map(len, clouds)),
        "dtype": str(clouds[0].dtype), "sha256": _sha(model, clouds, labels),
    }  # fmt: skip
    given = len(x) if segments is None else segments.count
    few = f"The first {len(clouds)} of {given} clouds were asked about: more would only narrow the intervals."
    with evaluating(model), torch.no_grad():
        asked = _one_cloud(model, clouds[0])
        _check_output(_output(asked(clouds[0])), rep_out, group)
    with answering(out, resume, settings, began=began) as answer, evaluating(model), torch.no_grad():
        told = PiecewiseAudit(
            **_found(asked, model, clouds, labels, K, called, rep_out, group, seed),
            data={"clouds": len(clouds), "points": sum(map(len, clouds)), "parts": K},
            model=name,
            group=group,
            notes=(few,) if given > len(clouds) else (),
            **answer.stamp(),
        )
        return answer.write(told)


def _sha(model: Any, clouds: Sequence[Tensor], labels: Sequence[Tensor]) -> str:
    """What settings keep of the numbers of a model, of clouds and of their parts."""
    own = [*model.parameters(), *model.buffers()] if isinstance(model, nn.Module) else []
    return fingerprint(*(one for one in own if not is_lazy(one)), *clouds, *labels)


def _found(
    asked: Callable[[Tensor], Any],
    model: Any,
    clouds: list[Tensor],
    labels: list[Tensor],
    K: int,
    names: list[str],
    rep_out: Rep | None,
    group: str,
    seed: int,
) -> dict[str, Any]:
    flat, label = torch.cat(clouds), torch.cat(labels)
    sets = Segments.from_sizes(torch.tensor([len(one) for one in clouds]))
    size = float(max((one - one.mean(0)).norm(dim=1).max() for one in clouds))

    def whole(points: Tensor, segments: Segments) -> Tensor:
        return torch.cat([_output(asked(one)) for one in points.split(segments.sizes.tolist())])

    def errors(cells: Segments, by: Segments | None) -> Any:
        G = parse(group) ** cells.count
        how: dict[str, Any] = {"segments": sets, "measure": motions_of(group, size) ** cells.count, "n": _DRAWS}
        types = Piecewise(Point, cells), None if rep_out is None else Piecewise(rep_out, cells)
        if by is None:
            return equivariance_error(whole, G, flat, *types, seed=seed, **how)
        return equivariance_error(whole, G, flat, *types, by=by, seed=seed, **how)

    parts, one = Segments(label, K), Segments.one(len(flat))
    each = errors(parts, parts)
    counts = torch.bincount(label, minlength=K).tolist()
    found = tuple(PartError(*row) for row in zip(names, counts, each, strict=True))
    certificates, told = [], False
    small: list[Certificate] = []
    for kind in ("small", "any"):
        pairs = enumerate(zip(clouds, labels, strict=True))
        some = [_certified(asked, cloud, own, kind, rep_out, group, seed + i) for i, (cloud, own) in pairs]
        small, told = (some if kind == "small" else small), some[0].told
        certificates.append(_mean(kind, some, _begun(asked, clouds[0])))
    return {
        "parts": found,
        "whole": errors(one, None),
        "certificates": tuple(certificates),
        "curve": tuple(_by_cells(model, clouds[0], labels[0], rep_out, group, seed)),
        "told": told,
        "pictures": (picture(clouds[0], small[0]),),
    }


def _certified(
    asked: Callable[[Tensor], Any],
    x: Tensor,
    label: Tensor,
    kind: str,
    rep_out: Rep | None,
    group: str,
    seed: int,
) -> Certificate:
    parts = Partition(label)
    motions: Any = _DRAWS // 2
    if kind == "small":
        motions = _small(len(parts), x, group, seed)
    return piecewise_certificate(asked, x, parts, motions, rep_out=rep_out, group=group, seed=seed)


def _small(K: int, x: Float[Tensor, "n 3"], group: str, seed: int) -> list[tuple[Tensor, Tensor]]:
    """Turns and shifts of each part, of the size that counts as small."""
    size = float((x - x.mean(0)).norm(dim=1).max()) if "E" in group else 0.0
    found = []
    for i in range(_DRAWS // 2):
        draw = spawn(seed, "small", i)
        w, t = (_SMALL * torch.randn(2, K, 3, generator=draw, dtype=torch.float64)).unbind()
        hat = torch.linalg.cross(w[:, :, None], torch.eye(3).to(w)[None], dim=1)  # columns w x e_j
        found.append((torch.matrix_exp(hat).to(x), (size * t).to(x)))
    return found


def _mean(kind: str, some: Sequence[Certificate], cells: float) -> Certified:
    """Over clouds; errors and bounds over the largest output of each."""
    n = len(some)
    of = [one.M or 1.0 for one in some]
    pairs = list(zip(some, of, strict=True))
    return Certified(
        kind,
        sum(float(one.measured.mean()) / M for one, M in pairs) / n,
        sum(float(one.bound.mean()) / M for one, M in pairs) / n if some[0].told else math.inf,
        sum(float(one.exact.double().mean()) for one in some) / n,
        sum(one.impure for one in some) / n,
        sum(float(one.unstable.mean()) for one in some) / n,
        max(one.lambda_ for one in some),
        max(one.delta for one in some),
        cells,
    )


def _by_cells(model: Any, x: Tensor, label: Tensor, rep_out: Rep | None, group: str, seed: int) -> list[Certified]:
    """The certificate of small motions where the model begins with other numbers of cells."""
    if not hasattr(model, "with_cells"):
        return []
    found = []
    for k in (*(k for k in _KS if k < len(x)), len(x)):
        asked = _one_cloud(model.with_cells(k), x)
        found.append(_mean("small", [_certified(asked, x, label, "small", rep_out, group, seed)], float(k)))
    return found


def _begun(asked: Callable[[Tensor], Any], x: Tensor) -> float:
    """How many cells the model begins with on a cloud; 0 where it does not tell."""
    answer = asked(x)
    for part in answer[1:] if isinstance(answer, tuple) else ():
        first = part[0] if isinstance(part, list | tuple) and part else part
        if isinstance(first, Partition):
            return float(len(first))
    return 0.0


def _one_cloud(model: Any, x: Float[Tensor, "n 3"]) -> Callable[[Tensor], Any]:
    """The model as a function of one cloud (n, 3): of clouds (1, n, 3), of points, or of points and their segments."""
    weight = next(iter(model.parameters()), None) if isinstance(model, nn.Module) else None

    def cast(points: Tensor) -> Tensor:
        return points if weight is None else points.to(weight)

    def dense(points: Tensor) -> Any:
        answer = model(cast(points)[None])
        return answer[0] if isinstance(answer, Tensor) else (answer[0][0], *answer[1:])

    def plain(points: Tensor) -> Any:
        return model(cast(points))

    def ragged(points: Tensor) -> Any:
        return model(cast(points), Segments.one(len(points)))

    def alike() -> bool:
        """Whether a cloud is answered the same beside another one: else the first axis stood for points."""
        try:
            one, both = (_output(model(cast(torch.stack(clouds)))) for clouds in ([x], [x, 2 * x]))
        except Exception:  # what a person's own model raises on clouds side by side
            return False
        if not isinstance(one, Tensor) or not isinstance(both, Tensor) or both.shape != (2, *one.shape[1:]):
            return False
        # Sums over batches of another size round otherwise, in float32 by some 1e-5 of the output.
        return float((both[:1] - one).abs().max()) <= 1e-3 * float(one.abs().max())

    said = ""
    for way in (dense, plain, ragged) if alike() else (plain, ragged, dense):
        try:
            y = way(x)
        except Exception as error:  # what a person's own model raises on values that it does not take
            said = said or (str(error).splitlines() or [type(error).__name__])[0]
            continue
        if isinstance(_output(y), Tensor) and _output(y).ndim == 2 and len(_output(y)) == len(x):
            return lambda points: _wide(way(points), points)
        said = f"an output of shape {tuple(getattr(_output(y), 'shape', ()))} for {counted(len(x), 'point')}"
    raise SchemaError(f"a model that gives no output for each point ({said})", "one of clouds (1, n, 3), or (n, 3)")


def _check_output(y: Float[Tensor, "n c"], rep_out: Rep | None, group: str) -> None:
    """Before minutes of work: an output of another width than its type."""
    width = None if rep_out is None else rep_out.dim(parse(group))
    if width is not None and y.shape[1] != width:
        raise ShapeError(
            f"an output of {counted(y.shape[1], 'column')} for each point, of the type {rep_out}",
            counted(width, "column"),
            f"y: Cloud({y.shape[1]}*Scalar) in the schema, if nothing moves it",
        )


def _output(answer: Any) -> Any:
    return answer[0] if isinstance(answer, tuple) else answer


def _wide(answer: Any, points: Tensor) -> Any:
    """The output in the precision of the points, in which motions act on it."""
    return (answer[0].to(points), *answer[1:]) if isinstance(answer, tuple) else answer.to(points)


def _clouds(x: Tensor, part: Any, segments: Segments | None) -> tuple[list[Tensor], list[Tensor], list[int]]:
    """Some clouds, the part of each of their points, numbered without gaps, and the numbers that parts had."""
    if segments is None:
        if x.ndim != 3 or x.shape[2] != 3:
            raise ShapeError(f"clouds of shape {tuple(x.shape)}", "(clouds, n, 3), or (N, 3) with segments")
        sizes, flat = [x.shape[1]] * len(x), x.flatten(0, 1)
    else:
        sizes, flat = segments.sizes.tolist(), x[segments.order]
    label = torch.as_tensor(part)
    label = label[segments.order] if segments is not None and label.shape == (len(x),) else label.flatten()
    label = label.repeat(len(sizes)) if len(set(sizes)) == 1 and len(label) == sizes[0] else label
    if len(label) != len(flat) or label.is_floating_point() or not len(flat):
        given = f"parts {tuple(torch.as_tensor(part).shape)} for {counted(len(flat), 'point')}"
        raise ShapeError(given, "a whole number for each")
    clouds, labels = flat.split(sizes)[:_CLOUDS], label.split(sizes)[:_CLOUDS]
    numbers, place = torch.cat(labels).unique(return_inverse=True)
    return list(clouds), list(place.split([len(one) for one in clouds])), numbers.tolist()
