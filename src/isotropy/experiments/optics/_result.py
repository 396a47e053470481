"""The answer, and its report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from isotropy.experiments.optics._config import REVERSIBLE, SPECTRUM, UNEQUAL
from isotropy.experiments.optics._unequal import NETS
from isotropy.report import Block, Curve, Curves, Points, Scatter
from isotropy.study import Published, Scored, numbers, quoted


def spectrum(result: Any) -> Iterable[Block]:
    """Forwards that run again against activations at the peak, a figure for each length."""
    lines = result.lines(SPECTRUM)
    for n in sorted({int(line.setting.split()[0]) for line in lines}):
        clouds: list[Points] = []
        for method in dict.fromkeys(line.method for line in lines):
            x, y = (result.score(SPECTRUM, f"{n} layers, {what}", method).mean for what in ("peak", "gets"))
            clouds.append(Points(method, [x], [y]))
        yield Scatter(
            clouds, xlabel="activations at the peak", ylabel="forwards run again", section="Spectrum",
            title=f"One chain of {n} layers, many programs", half=True,
        )  # fmt: skip


def curves(result: Any) -> Iterable[Block]:
    """Operations against bytes: equal segments, and a plan at the bytes of each."""
    for net in NETS:
        lines = {line.setting: line.mean for line in result.lines(UNEQUAL) if line.method == net}
        if not lines:
            continue
        clouds: list[Points] = []
        for label, start in (("checkpoint_sequential", ""), ("planned", "planned at the peak of ")):
            settings = [one.removesuffix(", operations") for one in lines if one.endswith("operations")]
            mine = [one for one in settings if one.startswith("planned") == bool(start)]
            found = [(lines[f"{one}, peak"], lines[f"{one}, operations"]) for one in mine]
            clouds.append(Points(label, [x for x, _ in found], [y for _, y in found]))
        yield Scatter(
            clouds, xlabel="peak, share of plain autograd's", ylabel="operations, of plain autograd's",
            section="Unequal chains", title=f"What memory costs: {net}",
        )  # fmt: skip


def drifts(result: Any) -> Iterable[Block]:
    """How far inverted blocks drift with depth, and how far that puts gradients off."""
    lines = result.lines(REVERSIBLE)
    depths = sorted({int(line.setting.split()[0]) for line in lines})
    found: list[Curve] = []
    for precision in dict.fromkeys(line.method for line in lines):
        for what, label in (("drift that the plan tells", "told by the plan"), ("error of gradients", "measured")):
            y = [result.score(REVERSIBLE, f"{n} blocks, {what}", precision).mean for n in depths]
            found.append(Curve(f"{precision}, {label}", depths, y))
    if found:
        yield Curves(
            found, xlabel="blocks whose input is rebuilt", ylabel="error of gradients, relative", ylog=True,
            section="Inverses", title="Drift against depth",
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Optics(Scored):
    """Lenses and optics on finite sets, bracketings as checkpoint schedules, plans for unequal chains (13 §4)."""

    kind: ClassVar[str] = "optics"
    heading = "Lenses, optics, and where memory pays"
    shown = (
        spectrum,
        curves,
        drifts,
        numbers("Peaks are measured in bytes of tensors, operations are counted in products and convolutions."),
        quoted,
    )
    published = Published.read(
        __name__, "Recalled from the papers, not read again: for orientation only. Other networks, other machines."
    )
