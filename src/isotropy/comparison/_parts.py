"""``compare`` on bodies whose parts move: the same folds and steps with and without frames, whole and part by part."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from isotropy.comparison._fold import folds_by_method
from isotropy.comparison._methods import Budget, Method, kinds_of
from isotropy.comparison._part_training import CLOUDS, PART_KINDS, PartKind, train_parts
from isotropy.comparison._result import Comparison
from isotropy.comparison._table import comparison_of, largest_class
from isotropy.comparison._training import folds_of_units
from isotropy.errors import DomainError, SchemaError, ShapeError, counted
from isotropy.frames import discover_parts
from isotropy.frames.parts import check_group
from isotropy.groups import parse
from isotropy.reps import Rep, Scalar, Vector, parse_rep
from isotropy.study import Candidate, answering, fingerprint, job_of

_FOLDS = 3
_POSES = 6  # more of them hardly change the parts that are found


def compare_parts(
    x: Tensor,
    y: Tensor,
    part: Tensor,
    *,
    rep_out: Rep | str | None = None,
    group: str = "E(3)",
    methods: str | Sequence[str] | None = None,
    seed: int = 0,
    quick: bool = False,
    engine: str = "serial",
    workers: int | None = None,
    address: str | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    progress: bool | None = None,
    name: str = "",
) -> Comparison:
    """Which way to use that parts of clouds ``x`` move by a ``group`` tells a target of each point best, and its cost.

    One network of points is trained on the same folds and steps as it is ("plain"), on clouds that are moved by chance
    ("augmentation"), in the frames of the whole cloud ("frames"), in those of each part ("given parts") and in those
    of the parts that ``discover_parts`` finds in six of the clouds, without their targets ("found parts"), where points
    of all clouds correspond.

    - ``x``: clouds (n, N, 3). ``part``: that of each point, (N,), the same in all clouds, or (n, N).
    - ``y``: classes of points (n, N), whole numbers, or numbers (n, N, q) of the type ``rep_out``, Scalars (by default)
      or Vectors.
    - ``group``: "E(3)", "SE(3)", "O(3)" or "SO(3)". ``methods`` keeps some only; plain is always there.
    - ``quick``: a first look. ``seed``, ``engine``, ``workers``, ``address``, ``out``, ``resume`` and ``progress`` are
      those of ``compare``; ``name`` is that of the data.

    Raises ShapeError, SchemaError or DomainError for clouds, targets, parts, types and methods that do not fit.
    Source: Atzmon et al., ICLR 2024, for frames of parts; docs/compare.md for folds, tests and the rule.

    >>> draw = torch.Generator().manual_seed(0)
    >>> x = torch.randn(6, 8, 3, generator=draw)
    >>> found = compare_parts(x, x.norm(dim=2, keepdim=True), torch.arange(8) // 4, methods="frames", quick=True)
    >>> [method.name for method in found.methods]
    ['plain', 'frames E(3)']
    """
    began = time.monotonic()
    check_group(group)
    x, y, rep = _checked(x, y, rep_out)
    corresponding, given = _parts(x, part)
    kinds: tuple[PartKind, ...] = kinds_of(methods, PART_KINDS)
    found, missing = _found(x, corresponding) if "found parts" in kinds else (None, "")
    listed = tuple(_method(kind, group, given, found, missing) for kind in kinds)
    asked = _candidates(group, listed)
    budget = Budget(folds=_FOLDS, steps=120 if quick else 800, batch=8, width=64)
    fold = folds_of_units(len(x), _FOLDS, seed)
    classes = rep is None
    settings = {
        "data": name, "sha256": fingerprint(x, y, given), "group": group, "methods": list(kinds), "seed": seed,
        "quick": quick, **({"loss": "cross-entropy"} if classes else {"targets": str(rep)}),
    }  # fmt: skip
    with answering(out, resume, settings, began=began) as answer:
        size = float((x - x.mean(1, keepdim=True)).square().sum(2).mean().sqrt()) or 1.0
        if not answer.run.has(CLOUDS):
            same = torch.zeros_like(given) if found is None else found.expand(given.shape)
            held = {"x": (x - x.mean((0, 1))) / size, "y": y, "given": given, "found": same, "fold": fold}
            answer.run.write(CLOUDS, {key: value.contiguous() for key, value in held.items()})
        tried = [method for method in listed if not method.missing]
        own: dict[str, Any] = {"group": group, "budget": budget, "vectors": not classes and _is_of(rep, Vector)}
        folds = folds_by_method(
            tried, _FOLDS, lambda method, k: job_of(train_parts, seed, kind=method.kind, fold=k, **own), answer.run,
            engine=engine, workers=workers, address=address, progress=progress,
        )  # fmt: skip
        count = int(y.max()) + 1 if classes else 0
        data = {
            "name": name or "clouds", "rows": len(x), "units": len(x), "inputs": "Cloud(Point)",
            "targets": f"Cloud({count * Scalar if classes else rep})", "parts": int(given.max()) + 1,
        }  # fmt: skip
        result = comparison_of(
            data, listed, folds, fold, torch.arange(len(x)), asked, budget, squared=not classes,
            notes=_notes(x, y if classes else None, found),
        )  # fmt: skip
        return answer.write(replace(result, **answer.stamp()))


def _checked(x: Tensor, y: Tensor, rep_out: Rep | str | None) -> tuple[Tensor, Tensor, Rep | None]:
    """Clouds and numbers in single precision, and the type of targets, None of classes."""
    if x.ndim != 3 or x.shape[2] != 3 or x.shape[1] < 2 or not x.is_floating_point():
        raise ShapeError(f"clouds {tuple(x.shape)} of {x.dtype}", "(clouds, points, 3), two points or more")
    if len(x) < 2 * _FOLDS:
        raise ShapeError(counted(len(x), "cloud"), f"at least {2 * _FOLDS}: two in each of {_FOLDS} folds")
    if y.shape[:2] != x.shape[:2]:
        raise ShapeError(f"targets {tuple(y.shape)} of clouds {tuple(x.shape)}", "a target for each point")
    for what, values in (("clouds", x), ("targets", y)):
        bad = (~values.isfinite()).flatten(1).any(1).nonzero().flatten()
        if len(bad):
            raise DomainError(f"{what} that are not finite in cloud {int(bad[0])}", "finite ones")
    if not y.is_floating_point():
        return x.float(), _classes(y, rep_out), None
    rep = parse_rep(rep_out) if isinstance(rep_out, str) else rep_out
    rep = (y.shape[-1] * Scalar) if rep is None and y.ndim == 3 else rep
    if y.ndim != 3 or rep is None:
        raise ShapeError(
            f"targets {tuple(y.shape)} of {y.dtype}", "numbers (clouds, points, q), or classes as integers"
        )
    if not (_is_of(rep, Scalar) or _is_of(rep, Vector)):
        raise SchemaError(f"targets of type {rep}", "Scalars or Vectors, not both", 'rep_out="Vector"')
    width = rep.size({"space": 3})
    if width != y.shape[2]:
        raise ShapeError(f"{y.shape[2]} numbers a point", f"{width}, for {rep}")
    return x.float(), y.float(), rep


def _classes(y: Tensor, rep_out: Rep | str | None) -> Int[Tensor, "n N"]:
    if y.ndim != 2 or rep_out is not None or int(y.min()) < 0 or int(y.max()) < 1:
        told = f"classes {tuple(y.shape)} from {int(y.min())} to {int(y.max())}"
        raise SchemaError(told, "one for each point, 0, 1, ... (two or more), without a type")
    return y.long()


def _is_of(rep: Rep | None, atom: Any) -> bool:
    return rep is not None and all(one.atom == atom for one in rep.parts())


def _parts(x: Tensor, part: Tensor) -> tuple[bool, Int[Tensor, "n N"]]:
    """Whether points of all clouds correspond, and the part of each point of each cloud."""
    if part.is_floating_point() or part.shape not in (x.shape[1:2], x.shape[:2]):
        told = f"parts {tuple(part.shape)} of {part.dtype}"
        raise ShapeError(told, f"whole numbers ({x.shape[1]},), or {tuple(x.shape[:2])}")
    numbers, place = part.unique(return_inverse=True)
    if len(numbers) < 2:
        raise SchemaError("one part", "two parts or more", "isotropy discover POSES.npz --parts finds them")
    return part.ndim == 1, place.expand(x.shape[:2])


def _found(x: Tensor, corresponding: bool) -> tuple[Int[Tensor, " N"] | None, str]:
    """The part of each point as the poses tell it, or why there is none."""
    if not corresponding:
        return None, "points of the clouds do not correspond: parts were given for each cloud by itself"
    step = max(1, len(x) // _POSES)
    try:
        return discover_parts(x[::step][:_POSES].double()).partition.labels, ""
    except (ShapeError, DomainError) as error:
        return None, str(error)


def _method(kind: PartKind, group: str, given: Tensor, found: Tensor | None, missing: str) -> Method:
    if kind == "plain":
        return Method(kind)
    if kind in ("augmentation", "frames"):
        return Method(kind, group)
    if kind == "given parts":
        return Method(kind, str(parse(group) ** (int(given.max()) + 1)))
    if found is None:
        return Method(kind, missing=missing)
    return Method(kind, str(parse(group) ** (int(found.max()) + 1)))


def _candidates(group: str, listed: Sequence[Method]) -> list[Candidate]:
    """The groups of all methods, the largest first: the whole alone moves as the smallest."""
    names = dict.fromkeys(m.group for kind in ("given parts", "found parts") for m in listed if m.kind == kind)
    return [Candidate(name, parse(name)) for name in [*filter(None, names), group]]


def _notes(x: Tensor, classes: Tensor | None, found: Tensor | None) -> tuple[str, ...]:
    notes: list[str] = []
    if found is not None:
        many = counted(int(found.max()) + 1, "part")
        notes.append(f"{many} were found in {min(_POSES, len(x))} of the clouds, without their targets.")
    if classes is not None:
        notes.append(largest_class(float(torch.bincount(classes.flatten()).max()) / classes.numel(), "points"))
    return tuple(notes)
