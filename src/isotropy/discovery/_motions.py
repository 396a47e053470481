"""What may be done to a picture: each candidate with the law to draw it from, and its strengths on one axis."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DomainError, SchemaError
from isotropy.groups import Group, Haar, Measure, Window, parse, parse_list
from isotropy.reps import Field, Scalar
from isotropy.soft import GroupTransforms, ImageOps, ImageTransform, TransformSet
from isotropy.soft.parts import LEVELS, Moved

DEFAULT = ("SO(2)", "T(2)", "Scale(2)", "Shear(2)@x", "O(1)@x")
"""Candidates where none are named: turns, shifts, sizes, shears, the mirror."""
_POINTS = 25  # strengths of a curve
_REACH = {"T": 0.5, "Scale": math.log(2), "Shear": 0.5}  # half-widths of windows where none is declared


@dataclass(frozen=True)
class Motion:
    """One candidate: its ``name``, the set to draw from, and ``strengths`` about the ``rest``, at which nothing moves.

    ``at(strength, n)`` are the parameters of n transformations of one strength; ``unit`` is that of strengths, and
    empty where there is no axis (a finite group: strengths then number its elements). ``uniform`` says that the law is
    that of a compact group, under which the points of an orbit are exchangeable.
    """

    name: str
    transforms: TransformSet
    strengths: tuple[float, ...]
    rest: float
    unit: str
    uniform: bool
    at: Callable[[float, int], Any]

    def moved(self, x: Float[Tensor, "n C H W"], strength: float) -> Float[Tensor, "n C H W"]:
        """Pictures, all moved alike, between 0 and 1."""
        if strength == self.rest:
            return x
        return self.transforms.apply(self.at(strength, len(x)), x).clamp(0, 1)

    def read(self, strength: float) -> float:
        """How strong a drawn transformation is (`TransformSet.strengths`), in ``unit``."""
        if isinstance(self.transforms, ImageOps):
            share = torch.tensor(strength / (LEVELS - 1))
            return float(self.transforms.strength(self.name, share, torch.tensor(1.0)))
        return _unit(self.name)[1](strength)


def motions_of(
    groups: str | Group | Window | Sequence[Any] | None, transforms: str | Sequence[str] | None, channels: int
) -> list[Motion]:
    """The candidates asked for: groups, measures on them or names, and image operations by name.

    Raises SchemaError where nothing or something twice is asked for, and what ``parse`` and ``ImageOps`` raise.
    """
    if isinstance(groups, str):
        named: list[Any] | None = list(parse_list(groups, degree=2))
    else:
        named = None if groups is None else [groups] if isinstance(groups, Group | Window) else list(groups)
    several = transforms.split(",") if isinstance(transforms, str) else transforms or ()
    operations = [one.strip() for one in several]
    if named is None:
        named = [] if operations else list(DEFAULT)
    found = [_of_group(one, channels) for one in named] + [_of_operation(one) for one in operations]
    names = [one.name for one in found]
    if not found or len(set(names)) < len(names):
        twice = [name for name in names if names.count(name) > 1]
        given = f"the candidate {twice[0]} twice" if twice else "no candidates"
        raise SchemaError(given, "candidates that differ", '--groups "SO(2),Scale" --transforms brightness')
    return found


def _of_group(given: Any, channels: int) -> Motion:
    type_ = Field(channels * Scalar)
    if isinstance(given, Measure) and not isinstance(given, Window):
        hint = 'groups=[Window(parse("Scale(2)"), 0.5, "uniform")]'
        raise SchemaError(f"{given}", "a group, or a Window on one", hint)
    window = given if isinstance(given, Window) else None
    group = window.group if window is not None else parse(cast(str | Group, given), degree=2)
    if group.degree != 2 or group.space != "space":
        raise SchemaError(
            f"{group} of pictures", "a group of the plane", "SO(2), T(2), Scale(2), Shear(2)@x, D(4), ..."
        )
    if group.finite:
        g = cast(Tensor, group.elements(dtype=torch.float32))
        return Motion(
            str(group), GroupTransforms(group, type_, name=str(group)), tuple(map(float, range(len(g)))), 0.0, "", True,
            lambda strength, n: Moved(g[int(strength)].expand(n, *g.shape[1:])),
        )  # fmt: skip
    measure: Measure = window or (Haar(group) if group.compact else Window(group, _reach(group), "uniform"))
    uniform = window is None and group.compact
    transforms = GroupTransforms(measure, type_, name=str(group))
    if group.dim > 1 and not str(group).startswith("T("):
        return Motion(
            str(group), transforms, (0.0,), 0.0, "", uniform,
            lambda strength, n: Moved(group.from_coords(torch.zeros(n, group.dim))),
        )  # fmt: skip
    width = measure.width if isinstance(measure, Window) else math.pi
    reach = float(width[0] if isinstance(width, tuple) else width)
    unit, to, back = _unit(str(group))
    strengths = tuple(
        round(to(v), 4) + 0.0 for v in torch.linspace(-reach, reach, _POINTS, dtype=torch.float64).tolist()
    )

    def at(strength: float, n: int) -> Any:
        v = torch.zeros(n, group.dim)
        v[:, 0] = back(strength)
        return Moved(group.from_coords(v))

    return Motion(str(group), transforms, strengths, to(0.0), unit, uniform, at)


def spelt(given: Motion) -> dict[str, Any]:
    """The candidate as plain data, for jobs in other processes; ``motion_from`` reads it."""
    if isinstance(given.transforms, ImageOps):
        return {"operation": given.name}
    measure = cast(GroupTransforms, given.transforms).measure
    if not isinstance(measure, Window):
        return {"group": given.name}
    width = list(measure.width) if isinstance(measure.width, tuple) else measure.width
    return {"group": given.name, "width": width, "shape": measure.shape, "compact": measure.compact}


def motion_from(told: Mapping[str, Any], channels: int) -> Motion:
    """The candidate that ``spelt`` wrote down."""
    if "operation" in told:
        return _of_operation(told["operation"])
    group = parse(told["group"])
    if "width" not in told:
        return _of_group(group, channels)
    width = tuple(told["width"]) if isinstance(told["width"], list) else told["width"]
    return _of_group(Window(group, width, told["shape"], told["compact"]), channels)


def _reach(group: Group) -> float:
    """The half-width of the window of a group that has no uniform law."""
    return _REACH.get(str(group).split("(")[0], 0.5)


def _unit(name: str) -> tuple[str, Callable[[float], float], Callable[[float], float]]:
    """The unit of strengths, from the coordinate and back."""
    if name.startswith("SO("):
        return "degrees", math.degrees, math.radians
    if name.startswith("Scale"):
        return "times the size", math.exp, math.log
    if name.startswith("T("):
        # Places run from -1 to 1 along the longer side.
        return "of half the picture, to the right", lambda v: v, lambda v: v
    return "shear" if name.startswith("Shear") else "coordinate", lambda v: v, lambda v: v


def _of_operation(name: str) -> Motion:
    ops = ImageOps([name])
    plain = torch.ones(1)

    def strength(level: float, sign: float = 1.0) -> float:
        return float(ops.strength(name, plain * level / (LEVELS - 1), plain * sign))

    whole = [float(level) for level in range(LEVELS)]
    signed = strength(20.0) == -strength(20.0, -1.0) != 0
    ends = (strength(0.0), strength(LEVELS - 1.0))
    if ends[0] == 0.0 and ends[1] == 1.0:  # operations without a strength
        return Motion(
            name, ops, (0.0, 1.0), 0.0, "", False,
            lambda s, n: ImageTransform(torch.zeros(n, dtype=torch.int64), torch.ones(n), torch.ones(n)),
        )  # fmt: skip
    rest = 0.0 if signed else 1.0 if name in _FACTORS else ends[0]
    units = {"rotate": "degrees", "posterize": "bits", "solarize": "grey levels"}
    unit = units.get(name, "factor" if name in _FACTORS else "pixels of 32" if "translate" in name else "shear")

    def at(s: float, n: int) -> Any:
        level = (abs(s) if signed else s - ends[0]) / (ends[1] - (0.0 if signed else ends[0])) * (LEVELS - 1)
        sign = -1.0 if s < 0 else 1.0
        return ImageTransform(torch.zeros(n, dtype=torch.int64), torch.full((n,), level), torch.full((n,), sign))

    if signed:
        steps = [ends[1] * k / 6 for k in range(-6, 7)]
    elif name in _FACTORS:
        steps = [ends[0] + (ends[1] - ends[0]) * k / 12 for k in range(13)]
    else:
        steps = sorted({strength(level) for level in whole[::4]} | {ends[1]})
    return Motion(name, ops, tuple(round(s, 4) for s in steps), rest, unit, False, at)


_FACTORS = ("color", "contrast", "brightness", "sharpness")


def within(errors: Sequence[float], strengths: Sequence[float], rest: float, tolerance: float) -> tuple[float, float]:
    """The strengths about rest, without a gap, at which the error is at most ``tolerance`` above that at rest.

    >>> within([0.5, 0.1, 0.1, 0.105, 0.4], [-2, -1, 0, 1, 2], 0, 0.01)
    (-1, 1)
    """
    if rest not in strengths:
        raise DomainError(f"strengths {list(strengths)}", f"the rest, {rest}, among them")
    here = list(strengths).index(rest)
    good = [error <= errors[here] + tolerance + 1e-12 for error in errors]
    low = high = here
    while low > 0 and good[low - 1]:
        low -= 1
    while high + 1 < len(good) and good[high + 1]:
        high += 1
    return strengths[low], strengths[high]
