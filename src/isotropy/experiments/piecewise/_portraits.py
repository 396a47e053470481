"""What networks of the first seed say of one cloud, point by point, and the cells that ours makes of it: pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor, nn

from isotropy.experiments.piecewise._learning import told
from isotropy.experiments.piecewise._networks import Piecewise
from isotropy.report import Block, Points, Scatter
from isotropy.study import Trace, Traced

SHOWN = ("PointNet", "global frames", "piecewise frames")


def portraits(
    figure: str, model: nn.Module, method: str, x: Float[Tensor, "n d"], true: Int[Tensor, " n"], plane: tuple[int, int]
) -> list[Trace]:
    """What a network says of one cloud ``x``, seen along two of its axes; of ours the cells of each layer, too."""
    across, up = x[:, plane[0]], x[:, plane[1]]
    seen = {"across": _short(across), "up": _short(up)}

    def left(name: str, said: Tensor, of: str = figure) -> Trace:
        return Trace(of, name, {**seen, "said": said.tolist()})

    found = [left(method, told(model, x[None])[0])] if method in SHOWN else []
    if isinstance(model, Piecewise):
        found.append(left("truth", true))
        for layer, cells in enumerate(model.partitions):
            name = f"after layer {layer}" if layer else "to begin with"
            found.append(left(name, cells.labels, f"{figure}, cells"))
    return found


def _short(coordinates: Float[Tensor, " n"]) -> list[float]:
    return coordinates.double().round(decimals=3).tolist()


def likenesses(figure: str, names: Sequence[str], title: str, **block: Any) -> Callable[[Traced], Iterator[Block]]:
    """The truth and what each network of ``SHOWN`` says: points coloured by their label, one of ``names``."""

    def show(result: Traced) -> Iterator[Block]:
        found = {trace.name: trace for trace in result.traced(figure)}
        for name in ("truth", *SHOWN):
            if name in found:
                clouds = [_those(found[name], number, called) for number, called in enumerate(names)]
                yield _picture(clouds, title.format(name), f"{figure}-{name}", **block)

    return show


def growing_cells(figure: str, title: str, **block: Any) -> Callable[[Traced], Iterator[Block]]:
    """The cells of one cloud, layer by layer, from many small ones to few."""

    def show(result: Traced) -> Iterator[Block]:
        for trace in result.traced(f"{figure}, cells"):
            count = 1 + max(int(label) for label in trace.columns["said"])
            clouds = [_those(trace, number, "") for number in range(count)]
            yield _picture(clouds, title.format(f"{trace.name}: {count}"), f"{figure}-{trace.name}", **block)

    return show


def _those(trace: Trace, label: int, called: str) -> Points:
    own = [row for row, said in enumerate(trace.columns["said"]) if said == label]
    across, up = ([float(trace.columns[axis][row]) for row in own] for axis in ("across", "up"))
    return Points(called, across, up)


def _picture(clouds: list[Points], title: str, name: str, **block: Any) -> Scatter:
    return Scatter(clouds, plane=True, half=True, title=title, name=name.replace(" ", "-"), **block)
