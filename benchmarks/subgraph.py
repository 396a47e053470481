"""Layers on subgraphs: time against fifteen dense operators, peak of memory, building of indices, repeated subgraphs.

    python benchmarks/subgraph.py [--repeat 5]

One process, one thread, processor time, medians after a warm-up. Ratios are what counts. Needs ISOTROPY_DATA.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from typing import Any

import torch
from _measuring import seconds
from torch import Tensor

from isotropy.data import load_tu
from isotropy.nn import SubgraphLayer, SubgraphLinear, Subgraphs
from isotropy.nn.subgraph import Repeats, on_pairs
from isotropy.optics import measure_peak


class Dense:
    """The same map operator by operator, fifteen tensors of all pairs stacked, for each size of subgraph."""

    def __init__(self, s: Subgraphs, channels: int) -> None:
        self.places = {m: s.pairs_of_size(m) for m in s.by_size}
        self.weight = (torch.randn(15 * channels, channels) / (15 * channels) ** 0.5).requires_grad_()

    def __call__(self, T: Tensor) -> Tensor:
        out = torch.empty_like(T)
        for m, pairs in self.places.items():
            x = T[pairs].unflatten(1, (m, m))
            out = out.index_copy(0, pairs.flatten(), (stack(x) @ self.weight).flatten(0, 2))
        return out


def stack(x: Tensor) -> Tensor:
    """The fifteen operators of specification 10, 2.2, on (B, m, m, C), along the channels."""
    m = x.shape[1]
    eye = torch.eye(m)[None, :, :, None]
    d, r, c = x.diagonal(dim1=1, dim2=2).movedim(-1, 1), x.mean(2), x.mean(1)
    t, a = d.mean(1), r.mean(1)
    rows = [y[:, :, None].expand_as(x) for y in (c, r, d)]
    columns = [y[:, None].expand_as(x) for y in (c, r, d)]
    everywhere = [y[:, None, None].expand_as(x) for y in (t, a)]
    diagonal = [eye * y[:, :, None] for y in (d, r, c)] + [eye * y[:, None, None] for y in (t, a)]
    return torch.cat([*diagonal, *rows, *columns, x, x.transpose(1, 2), *everywhere], -1)


def layer(name: str, graphs: int, channels: int, repeat: int) -> None:
    chosen = load_tu(name).take(torch.arange(graphs))
    s = Subgraphs.from_graph(chosen.edge_index, chosen.batch, num_nodes=len(chosen.x))
    T = torch.randn(len(s.row), channels, requires_grad=True)
    ours, dense = SubgraphLinear(f"{channels}*Nodes**2", f"{channels}*Nodes**2"), Dense(s, channels)
    out = torch.ones(len(s.row), channels)

    def step(apply: Callable[[Tensor], Tensor], parameters: list[Tensor]) -> Callable[[], object]:
        return lambda: torch.autograd.grad(apply(T), [T, *parameters], out)

    fused = step(lambda x: ours({2: x}, s)[2], list(ours.parameters()))
    rival = step(dense, [dense.weight])
    one, other = (seconds(work, repeat, statistics.median) for work in (fused, rival))
    peak = measure_peak(fused) / (len(s.row) * channels * 4)
    head = f"{name}, {graphs} graphs, {channels} channels, {len(s.row):,} pairs"
    print(f"{head}: fused {1e3 * one:.0f} ms, dense {1e3 * other:.0f} ms, {other / one:.1f} times; "
          f"peak {peak:.1f} x pairs x channels x bytes")  # fmt: skip


def indices(repeat: int) -> None:
    graphs = load_tu("NCI1")

    def build(count: int) -> float:
        part = graphs.take(torch.arange(count))

        def work() -> None:
            s = Subgraphs.from_graph(part.edge_index, part.batch, num_nodes=len(part.x))
            _ = s.row, s.col, s.transposed, s.diagonal, s.pair

        return seconds(work, repeat, statistics.median)

    few, many = build(100), build(1000)
    part = graphs.take(torch.arange(1000))
    slow = seconds(lambda: looped(part), 1)
    print(f"indices with the union of pairs, NCI1: 100 graphs {1e3 * few:.0f} ms, 1000 graphs {1e3 * many:.0f} ms, "
          f"{many / few:.1f} times; a loop over nodes takes {slow / many:.0f} times as long (1000 graphs)")  # fmt: skip


def looped(graphs: Any) -> tuple[Tensor, ...]:
    """The same tensors, node by node: members, rows, columns, transposed and diagonal pairs, distinct pairs."""
    near: list[set[int]] = [{v} for v in range(len(graphs.x))]
    for i, j in graphs.edge_index.mT.tolist():
        near[i].add(j)
    node, row, col, transposed, diagonal, pair = (list[int]() for _ in range(6))
    known: dict[tuple[int, int], int] = {}
    for ball in near:
        members, first, start, m = sorted(ball), len(node), len(row), len(ball)
        node += members
        for a, i in enumerate(members):
            diagonal.append(start + a * (m + 1))
            for b, j in enumerate(members):
                row.append(first + a)
                col.append(first + b)
                transposed.append(start + b * m + a)
                pair.append(known.setdefault((i, j), len(known)))
    return tuple(torch.tensor(each) for each in (node, row, col, transposed, diagonal, pair))


def repeats(name: str, graphs: int) -> None:
    chosen = load_tu(name).take(torch.arange(graphs))
    s = Subgraphs.from_graph(chosen.edge_index, chosen.batch, num_nodes=len(chosen.x))
    e = on_pairs(None, chosen.edge_index, s, True, torch.float32)
    found = Repeats.of(s, chosen.x, e)
    assert found is not None
    SubgraphLayer(f"Nodes**2 + {chosen.x.shape[1]}*Nodes", "8*Nodes**2")(chosen.x, e, s, repeats=found)
    print(f"repeated subgraphs, {graphs} graphs of {name}: the first map runs on {found.computed[0]:,} "
          f"of {len(s.row):,} pairs")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=5)
    repeat = parser.parse_args().repeat
    torch.set_num_threads(1)
    layer("NCI1", 32, 64, repeat)
    layer("IMDB-B", 16, 32, repeat)
    indices(repeat)
    repeats("NCI1", 100)
    repeats("MUTAG", 90)


if __name__ == "__main__":
    main()
