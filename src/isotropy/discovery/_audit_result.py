"""The answer of ``audit``: errors under each group, where they arise, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from isotropy.discovery._audit_pictures import WorstPicture, shown
from isotropy.discovery._words import ROUNDING, UNRELATED, verdict
from isotropy.errors import DomainError
from isotropy.estimate import Estimate
from isotropy.measure import Blame, Layer
from isotropy.report import Bar, Bars, Block, Column, Table, Text, flatten, section
from isotropy.study import Answer, Finding, comparing, discovering, in_python, next_block, symmetrising


@dataclass(frozen=True)
class Generator:
    """The infinitesimal error along one generator of the algebra, per unit of it."""

    name: str
    error: Estimate


@dataclass(frozen=True, repr=False)
class GroupAudit(Finding):
    """What was found about one group: the relative error, the Lie error along each generator, and the layers.

    ``error.max`` is the worst pair of row and element. ``lie`` is None for a finite group and for a model whose
    derivative torch cannot see; ``layers`` is empty where the model shows none. ``width`` is the window of a group
    without a uniform law. ``blame`` names the layer where the symmetry is lost, and those that cannot be told from it.
    ``floor`` is how far outputs on images warped there and back are from those on the images, where they interpolate:
    errors of that size are told from none, and no layer is charged with them.
    """

    shown: ClassVar[tuple[str, ...]] = ("verdict", "error", "lie")
    name: str
    error: Estimate
    lie: Estimate | None = None
    generators: tuple[Generator, ...] = ()
    layers: tuple[Layer, ...] = ()
    width: tuple[float, ...] | None = None
    blame: Blame = Blame("")
    floor: Estimate | None = None

    @property
    def verdict(self) -> str:
        """What the error means, in words."""
        if self.floor is not None and ROUNDING < self.error.mean <= self.floor.mean:
            return (
                f"no more than interpolation ({100 * self.error.mean:.2g} %, its floor {100 * self.floor.mean:.2g} %)"
            )
        return verdict(self.error.mean)

    def worst(self) -> Layer | None:
        """The layer that adds most to the error, None where no layers were seen."""
        return max(self.layers, key=lambda layer: layer.error, default=None)


@dataclass(frozen=True, kw_only=True, repr=False)
class Audit(Answer[GroupAudit]):
    """How far a model is from each symmetry, with intervals, and where it breaks.

    ``audit["SO(3)"]`` is what was found about one group; errors are relative: sqrt(sum |f(gx) - gf(x)|^2 / sum s^2)
    with s^2 = |f(gx)|^2 + |gf(x)|^2, so 0 is equivariant and 1 is as far as unrelated outputs are.
    """

    kind: ClassVar[str] = "audit"
    model: str = ""
    groups: tuple[GroupAudit, ...] = ()
    worst: Mapping[str, WorstPicture] = field(
        default_factory=dict[str, WorstPicture], compare=False, repr=False, metadata={"json": False}
    )

    @property
    def largest(self) -> GroupAudit | None:
        """The largest group that the model keeps to rounding, of those asked; None where it keeps none."""
        return next((found for found in self.groups if found.error.mean <= ROUNDING), None)  # the largest stand first

    @property
    def layers(self) -> GroupAudit:
        """The group that is broken most among those whose layers were seen; ``.worst()`` names the layer.

        Raises DomainError where no layers were seen.
        """
        seen = [found for found in self.groups if found.layers]
        if not seen:
            raise DomainError("an audit without layers", "a torch module of several layers, and a group that it breaks")
        return max(seen, key=lambda found: found.error.mean)

    @property
    def next_steps(self) -> Sequence[str]:
        """How to keep what holds, how to build in what does not, and how to ask the data."""
        return audit_steps({found.name: found.error for found in self.groups}, self.data, self.command)

    @property
    def sentences(self) -> Sequence[str]:
        return [self.headline()]

    def headline(self) -> str:
        """The answer in a sentence or two."""
        best, broken = (pick(self.groups, key=lambda found: found.error.mean) for pick in (min, max))
        return _headline(self.largest, best, broken)

    def rows(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        for found in self.groups:
            worst = found.worst()
            rows.append(
                {
                    "group": found.name,
                    **flatten("error", found.error, headline=True),
                    "max": found.error.max,
                    "verdict": found.verdict,
                    **(flatten("floor", found.floor) if found.floor is not None else {}),
                    **flatten("lie_error", found.lie),
                    "worst_layer": worst.name if worst else None,
                    "worst_layer_share": worst.share if worst else None,
                    "blamed": found.blame.layer or None,
                    "among": ", ".join(found.blame.among) or None,
                }
            )
        return rows

    def summary(self) -> Table:
        warped = any(found.floor is not None for found in self.groups)
        floor = Column("interpolation floor", "number", explain="Outputs on images warped there and back, from those.")
        columns = (
            Column("group"),
            Column("equivariance error", "number", explain="Relative rms over data and group; 0 is equivariant."),
            *((floor,) if warped else ()),
            Column("worst pair", "number", explain="The largest error of one row under one element."),
            Column("per unit generator", "number", explain="The infinitesimal error, over all generators."),
            Column("verdict", explain="Exact to rounding below 1e-6; 1 is as far as unrelated outputs are."),
            Column("lost in", explain="The first layer that no hidden action of the group follows."),
            Column("or in", explain="Layers that the outputs cannot tell from it.", terminal=False),
        )
        cells = [
            (
                found.name,
                found.error,
                *((found.floor,) if warped else ()),
                found.error.max,
                found.lie,
                found.verdict,
                found.blame.where or None,
                ", ".join(found.blame.others) or None,
            )
            for found in self.groups
        ]
        return Table(columns, cells, title="Errors", notes=self.notes)

    def title(self) -> str:
        on = f" on {self.data['name']}" if self.data.get("name") else ""
        return f"Audit of {self.model or 'a model'}{on}"

    def blocks(self) -> Sequence[Block]:
        errors = Bars(
            [error_bar(found.name, found.error) for found in self.groups],
            title="Error under each group",
            xlabel="relative equivariance error",
            scale="root",
            interval_label="95 % interval over rows",
            caption="0 is exactly equivariant; 1 is as far apart as unrelated outputs.",
        )
        directions = [_directions(found) for found in self.groups if found.generators]
        layers = [_where(found) for found in self.groups if found.layers and found.error.mean > ROUNDING]
        return [
            Text(self.headline(), style="headline"),
            *next_block(self.next_steps),
            *section("How symmetric", self.summary(), errors),
            *section("The worst pictures", *(shown(name, one) for name, one in self.worst.items())),
            *section("Along which directions", *directions),
            *section("Where it breaks", *layers),
            *section("How to read this", Text(_HOW_TO_READ, style="details")),
        ]


def _directions(found: GroupAudit) -> Bars:
    return Bars(
        [error_bar(each.name, each.error) for each in found.generators],
        title=f"Generators of {found.name}",
        xlabel="relative error per unit generator",
        scale="root",
        half=True,
    )


def _where(found: GroupAudit) -> Bars:
    return Bars(
        [Bar(_label(layer) + ("" if layer.typed else " *"), layer.share) for layer in found.layers],
        title=f"Layers, under {found.name}",
        xlabel="share of what the layers add",
        percent=True,
        half=True,
        caption="* declares no hidden type: charged with what no linear action on its features can follow.",
    )


_HOW_TO_READ = """The error compares f(g x) with g f(x) for the rows of the data and random elements g of the group. \
It speaks about the model, not about the data: an unconstrained network trained on perfectly symmetric data has an \
error above zero. To learn which symmetries the data have, run `isotropy discover`.

- The interval says how far the error would move with other rows, or with other clusters where rows are not independent.
- The error per unit generator is the limit of small group elements; it shows along which direction the model breaks.
- Layers: the infinitesimal error, of a finite group the error itself, is split exactly over the modules through which \
everything flows; contributions may cancel, so shares are of their total size.
- Images that move between their cells are interpolated, and their rates are central differences. Layers that sharpen \
edges add to such an error by aliasing; groups that move cells to cells, C(4) or D(4), are free of it."""


def _headline(largest: GroupAudit | None, best: GroupAudit, broken: GroupAudit) -> str:
    if largest is not None:
        text = f"The largest group that holds is {largest.name}, {largest.verdict} (relative error {largest.error})."
    elif best.error.mean >= UNRELATED:
        text = f"{best.name} does not hold, not even approximately: relative error {best.error}."
        if broken is not best:
            text = f"No group holds, not even approximately. The smallest error is that of {best.name}, {best.error}."
    else:
        text = f"No group holds exactly. Closest is {best.name}, {best.verdict}: relative error {best.error}."
    if broken is not (largest or best) and broken.error.mean > ROUNDING:
        text += f" Furthest is {broken.name}, {broken.verdict}: {broken.error}."
        if broken.blame.where:
            text += f" It is lost in `{broken.blame.where}`"
            text += f", or in {', '.join(f'`{name}`' for name in broken.blame.others)}." if broken.blame.others else "."
    return text


def _label(layer: Layer) -> str:
    return f"{layer.name} ({layer.kind})" if layer.kind else layer.name


def error_bar(label: str, error: Estimate) -> Bar:
    return Bar(label, error.mean, error.low, error.high)


_ASSERTED = 1e-11
"""A tenth of what ``assert_equivariant`` asks of double precision; a model that is further off is told a tolerance."""


def audit_steps(errors: Mapping[str, Estimate], data: Mapping[str, Any], command: str) -> tuple[str, ...]:
    """How to build in the largest group that does not hold, whether the data have it, and a test that keeps what holds.

    ``errors`` are by the names of the groups, the largest first.
    """
    types: Mapping[str, Any] = data.get("types", {})
    inputs, outputs = types.get("x"), types.get("y")
    holds = next((name for name, error in errors.items() if error.mean <= ROUNDING), "")
    broken = next((name for name, error in errors.items() if error.mean > ROUNDING), "")
    lines: list[str] = []
    if broken:
        built = symmetrising(broken, inputs, outputs, net="model") if types else ""
        lines.append(built or (comparing(command, broken) if _tabular(data) else ""))
    if _tabular(data):
        lines.append(discovering(command, broken or holds))
    if holds and types:
        lines.append(_kept(holds, errors[holds], inputs, outputs, str(data.get("dtype", ""))))
    return tuple(line for line in lines if line)


def _tabular(data: Mapping[str, Any]) -> bool:
    """Whether ``discover`` and ``compare`` take such data: rows of columns, of inputs and of targets."""
    types: Mapping[str, Any] = data.get("types", {})
    return "columns" in data and isinstance(types.get("y"), str) and types["y"] != "None"


def _kept(group: str, error: Estimate, inputs: Any, outputs: Any, dtype: str) -> str:
    """The line for one's own tests."""
    far = dtype == "float64" and (error.max or error.mean) > _ASSERTED
    types = f"rep_in={in_python(inputs)}, rep_out={in_python(outputs)}"
    return f"isotropy.testing.assert_equivariant(model, {in_python(group)}, x, {types}{', tol=1e-5' if far else ''})"
