"""The audits of docs/results/audit.md: calculators of ase, and models of torch_geometric.

    python benchmarks/audits.py [--out runs/audits]

With --out the report of each lies there. Structures, weights and elements are drawn with seed 0.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase.build import bulk, molecule
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from torch import Tensor, nn
from torch_geometric.data import Batch, Data
from torch_geometric.nn import MLP, PointNetConv, SchNet

import isotropy
from isotropy.discovery import audit_calculator
from isotropy.random import spawn

ARGON = {"sigma": 3.4, "epsilon": 0.0104}


class Tilted(LennardJones):
    """A defect of a thousandth: the energy knows how high the first atom stands above the second, the forces do not."""

    def calculate(self, atoms: Any = None, properties: Any = ("energy",), system_changes: Any = ()) -> None:
        super().calculate(atoms, properties, system_changes)
        rise = self.atoms.positions[0] - self.atoms.positions[1]
        self.results["energy"] += 1e-3 * float(rise[2] / np.linalg.norm(rise))


def calculators() -> dict[str, tuple[Any, list[Any]]]:
    crystal, argon = bulk("Cu", cubic=True), bulk("Ar", "fcc", a=5.3, cubic=True)
    crystal.rattle(0.05, seed=0)
    argon.pbc = False
    argon.rattle(0.1, seed=0)
    return {
        "EMT of ase": (EMT(), [crystal, molecule("C2H6")]),
        "Lennard-Jones of ase, cut off at 6 Å": (LennardJones(**ARGON, rc=6.0), [argon]),
        "Lennard-Jones of ase, smooth=True": (LennardJones(**ARGON, rc=6.0, smooth=True), [argon]),
        "smooth Lennard-Jones with a planted defect": (Tilted(**ARGON, rc=6.0, smooth=True), [argon]),
    }


def graphs(count: int = 200) -> Batch:
    found: list[Data] = []
    for i in range(count):
        n = 5 + i % 3
        pos = 1.5 * torch.randn(n, 3, generator=spawn(i, "pos"))
        pairs = torch.cartesian_prod(torch.arange(n), torch.arange(n))
        z = torch.randint(1, 9, (n,), generator=spawn(i, "z"))
        found.append(Data(pos=pos, z=z, edge_index=pairs[pairs[:, 0] != pairs[:, 1]].T))
    return Batch.from_data_list(found)


class Energies(nn.Module):
    """SchNet of torch_geometric on all pairs; ``lifted``, it is told the height of each atom beside its distances."""

    def __init__(self, lifted: float = 0.0) -> None:
        super().__init__()
        self.edges, self.lifted = Edges(lifted), lifted
        self.net = SchNet(32, 32, 2, 16, interaction_graph=self.edges)

    def forward(self, data: Any) -> Tensor:
        self.edges.index = data.edge_index
        return self.net(data.z, data.pos, data.batch)


class Edges(nn.Module):
    def __init__(self, lifted: float) -> None:
        super().__init__()
        self.lifted, self.index = lifted, torch.zeros(2, 0, dtype=torch.long)

    def forward(self, pos: Tensor, batch: Tensor) -> tuple[Tensor, Tensor]:
        difference = pos[self.index[0]] - pos[self.index[1]]
        return self.index, difference.norm(dim=1) + self.lifted * difference[:, 2]


class Points(nn.Module):
    """A PointNet++ layer of torch_geometric: it sees differences of positions, as numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = PointNetConv(MLP([3, 32, 32], norm=None), MLP([32, 32], norm=None), add_self_loops=False)
        self.head = nn.Linear(32, 1)

    def forward(self, data: Any) -> Tensor:
        h = self.conv((None, None), (data.pos, data.pos), data.edge_index)
        return h.new_zeros(data.num_graphs, 1).index_add(0, data.batch, self.head(h))


def models() -> dict[str, nn.Module]:
    torch.manual_seed(0)
    return {"SchNet": Energies(), "SchNet, told heights": Energies(0.1), "PointNetConv": Points()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    began = time.process_time()
    for name, (calculator, structures) in calculators().items():
        found = audit_calculator(calculator, structures, groups="E(3)", name=name, seed=0)
        show(found, name, asked.out)
        print(f"{found.headline()}\n")
        print("| check | largest error | relative |\n|---|---|---|")
        for check in found.checks:
            print(f"| {check.name} | {check.error:.1e} {check.unit} | {check.relative:.1e} |")
    types = {"x": {"pos": "Cloud(Point)"}, "y": "Scalar"}
    batch, windows = graphs(), {"E(3)": 1.0, "T(3)": 1.0}
    for name, model in models().items():
        found = isotropy.audit(model, batch, types, groups="E(3),O(3),T(3)", windows=windows, name=name, seed=0)
        show(found, name, asked.out)
        print("| group | relative error | worst pair | verdict | lost in |\n|---|---|---|---|---|")
        for group in found.groups:
            lost = ", or ".join([group.blame.where, *group.blame.others]) if group.blame.where else "–"
            error = f"{group.error.mean:.2g} [{group.error.low:.2g}, {group.error.high:.2g}]"
            print(f"| {group.name} | {error} | {group.error.max:.2g} | {group.verdict} | {lost} |")
    print(f"\n{time.process_time() - began:.0f} s of the processor")


def show(found: Any, name: str, out: Path | None) -> None:
    print(f"\n### {name}\n")
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        found.report(out / f"{name.split(',')[0].replace(' ', '-').lower()}-{len(list(out.glob('*.html')))}.html")


if __name__ == "__main__":
    main()
