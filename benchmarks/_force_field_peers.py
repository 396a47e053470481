"""One force field of another package: trained for so many processor seconds, measured, timed, by its Python.

    python benchmarks/_force_field_peers.py PLAN.json

Beside the package it needs torch, ase and numpy alone. Model, loss, optimiser, rate, average and clipping are those
that the package recommends; the rate falls by half a cosine over the time, as ours does, and schedules for days do not.
Energies are those above free atoms: single precision holds no meV of a total energy.
"""

from __future__ import annotations

import importlib
import json
import math
import resource
import sys
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import torch

LOOKS = 20  # validations of a training, whose time does not count
R_MAX, BATCH = 5.0, 5
IMPORTED = {"mace": ("mace.modules", "mace.data"), "nequip": ("nequip.model", "nequip.data", "nequip.train")}


class Peer(ABC):
    """A model of another package; graphs are what it takes of one configuration."""

    model: torch.nn.Module
    rate: float = 0.01
    average: float = 0.99
    clip: float | None = None

    @abstractmethod
    def graph(self, atoms: Any) -> Any:
        """What the model takes of one configuration, its neighbours included."""

    @abstractmethod
    def joined(self, graphs: list[Any]) -> Any:
        """A batch of graphs."""

    @abstractmethod
    def loss(self, batch: Any) -> torch.Tensor:
        """What training makes small."""

    @abstractmethod
    def predicted(self, batch: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Energies ``(B,)`` and forces ``(N, 3)``."""

    def optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.model.parameters(), lr=self.rate, amsgrad=True)


class Mace(Peer):
    """MACE: Adam with amsgrad at 0.01, weights 1 and 100 of energy and forces, an average of 0.99, clipped at 10."""

    clip = 10.0

    def __init__(self, frames: list[Any], settings: dict[str, Any]) -> None:
        from e3nn import o3
        from mace import data, modules
        from mace.tools import AtomicNumberTable
        from mace.tools.torch_geometric import Batch

        self.data, self.batch = data, Batch
        self.table = AtomicNumberTable(sorted({int(n) for atoms in frames for n in atoms.numbers}))
        graphs = [self.graph(atoms) for atoms in frames]
        channels, max_L = settings["num_channels"], settings["max_L"]
        degrees = [f"{channels}x{l}{'eo'[l % 2]}" for l in range(max_L + 1)]
        block = modules.interaction_classes["RealAgnosticResidualInteractionBlock"]
        self.model = modules.ScaleShiftMACE(
            atomic_inter_scale=rms_forces(frames),
            atomic_inter_shift=mean_energy(frames),
            r_max=R_MAX,
            num_bessel=8,
            num_polynomial_cutoff=5,
            max_ell=3,
            interaction_cls=block,
            interaction_cls_first=block,
            num_interactions=2,
            num_elements=len(self.table),
            hidden_irreps=o3.Irreps("+".join(degrees)),
            MLP_irreps=o3.Irreps("16x0e"),
            atomic_energies=np.zeros(len(self.table)),
            avg_num_neighbors=float(np.mean([g.edge_index.shape[1] / len(g.positions) for g in graphs])),
            atomic_numbers=self.table.zs,
            correlation=3,
            gate=torch.nn.functional.silu,
            radial_MLP=[64, 64, 64],
        )
        self.loss_of = modules.WeightedEnergyForcesLoss(1.0, 100.0)

    def graph(self, atoms: Any) -> Any:
        keys = self.data.KeySpecification({"energy": "above"}, {"forces": "pulls"})
        return self.data.AtomicData.from_config(self.data.config_from_atoms(atoms, keys), self.table, R_MAX)

    def joined(self, graphs: list[Any]) -> Any:
        return self.batch.from_data_list(graphs)

    def loss(self, batch: Any) -> torch.Tensor:
        return self.loss_of(pred=self.model(batch.to_dict(), training=True), ref=batch)

    def predicted(self, batch: Any) -> tuple[torch.Tensor, torch.Tensor]:
        found = self.model(batch.to_dict())
        return found["energy"].detach(), found["forces"].detach()

    def optimizer(self) -> torch.optim.Optimizer:
        decayed = ("linear.weight", "skip_tp_full.weight")  # of interactions: as its training does
        groups: dict[float, list[torch.nn.Parameter]] = {0.0: [], 5e-7: []}
        for name, parameter in self.model.named_parameters():
            if parameter.requires_grad:
                heavy = name.startswith("products") or ("interactions" in name and name.endswith(decayed))
                groups[5e-7 if heavy else 0.0].append(parameter)
        given = [{"params": held, "weight_decay": decay} for decay, held in groups.items()]
        return torch.optim.Adam(given, lr=self.rate, amsgrad=True)


class Nequip(Peer):
    """NequIP: Adam at 0.01, equal weights of energies by the atom and of forces, an average of 0.999."""

    average = 0.999

    def __init__(self, frames: list[Any], settings: dict[str, Any]) -> None:
        from nequip.data import AtomicDataDict, from_ase
        from nequip.data.transforms import ChemicalSpeciesToAtomTypeMapper, NeighborListTransform
        from nequip.model import NequIPGNNModel, PresetNequIPGNNModel
        from nequip.train import EnergyForceLoss
        from nequip.utils.global_state import set_global_state

        set_global_state()
        self.names = sorted({symbol for atoms in frames for symbol in atoms.symbols})
        self.keys, self.read = AtomicDataDict, from_ase
        self.steps = [ChemicalSpeciesToAtomTypeMapper(self.names), NeighborListTransform(R_MAX)]
        graphs = [self.graph(atoms) for atoms in frames]
        build = PresetNequIPGNNModel if "preset" in settings else NequIPGNNModel
        self.model = build(
            seed=0,
            model_dtype="float32",
            type_names=self.names,
            r_max=R_MAX,
            avg_num_neighbors=float(np.mean([g["edge_index"].shape[1] / len(g["pos"]) for g in graphs])),
            per_type_energy_scales=rms_forces(frames),
            per_type_energy_shifts=mean_energy(frames),
            **settings,
        )
        self.loss_of = EnergyForceLoss(coeffs={"total_energy": 1.0, "forces": 1.0}, per_atom_energy=True)

    def graph(self, atoms: Any) -> Any:
        from ase import Atoms
        from ase.calculators.singlepoint import SinglePointCalculator

        bare = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
        bare.calc = SinglePointCalculator(bare, energy=atoms.info["above"], forces=atoms.arrays["pulls"])
        found = self.read(bare)
        for step in self.steps:
            found = step(found)
        return found

    def joined(self, graphs: list[Any]) -> Any:
        return self.keys.batched_from_list(graphs)

    def loss(self, batch: Any) -> torch.Tensor:
        found = self.model(dict(batch))
        return self.loss_of(found, batch)["weighted_sum"]

    def predicted(self, batch: Any) -> tuple[torch.Tensor, torch.Tensor]:
        found = self.model(dict(batch))
        return found["total_energy"].detach().flatten(), found["forces"].detach()


PEERS = {"mace": Mace, "nequip": Nequip}


def read(path: str) -> list[Any]:
    """The configurations of a file, without free atoms, above which their energies are."""
    return [atoms for atoms in ase.io.read(path, ":") if "above" in atoms.info]


def rms(x: np.ndarray) -> float:
    return float(np.sqrt(np.mean(x**2)))


def rms_forces(frames: list[Any]) -> float:
    """The root mean square of a component of the forces."""
    return rms(np.concatenate([atoms.arrays["pulls"] for atoms in frames]))


def mean_energy(frames: list[Any]) -> float:
    """The mean energy of an atom."""
    return float(np.mean([atoms.info["above"] / len(atoms) for atoms in frames]))


def errors(peer: Peer, frames: list[Any], graphs: list[Any]) -> dict[str, float]:
    """Root mean squares: of energies in meV/atom, of forces in meV/Angstrom."""
    peer.model.eval()
    energies: list[float] = []
    forces: list[np.ndarray] = []
    for k in range(0, len(frames), 10):
        found = peer.predicted(peer.joined(graphs[k : k + 10]))
        said = zip(found[0].tolist(), frames[k : k + 10], strict=True)
        energies += [(energy - atoms.info["above"]) / len(atoms) for energy, atoms in said]
        true = np.concatenate([atoms.arrays["pulls"] for atoms in frames[k : k + 10]])
        forces.append(found[1].numpy() - true)
    peer.model.train()
    off = np.concatenate(forces)
    return {"energy": 1e3 * rms(np.array(energies)), "forces": 1e3 * rms(off)}


class Averaged:
    """A moving average of the weights, which validation and tests see."""

    def __init__(self, model: torch.nn.Module, decay: float) -> None:
        self.own, self.decay, self.steps = [p for p in model.parameters() if p.requires_grad], decay, 0
        self.values = [p.detach().clone() for p in self.own]

    def update(self) -> None:
        self.steps += 1
        mix = 1 - min(self.decay, (1 + self.steps) / (10 + self.steps))  # as torch_ema warms up
        torch._foreach_lerp_(self.values, [p.detach() for p in self.own], mix)

    def swap(self) -> None:
        for value, parameter in zip(self.values, self.own, strict=True):
            held = parameter.data.clone()
            parameter.data.copy_(value)
            value.copy_(held)


def trained(peer: Peer, plan: dict[str, Any]) -> dict[str, Any]:
    """The learning curve, and the errors at its end on each test set."""
    sets = {name: read(path) for name, path in plan["sets"].items()}
    graphs = {name: [peer.graph(atoms) for atoms in frames] for name, frames in sets.items()}
    train = graphs["train"]
    rng, optimizer = np.random.default_rng(plan["seed"]), peer.optimizer()
    average = Averaged(peer.model, peer.average)
    budget, used, steps = float(plan["seconds"]), 0.0, 0
    curve: list[dict[str, float]] = []
    losses: list[float] = []
    order: list[int] = []
    peer.model.train()
    while used < budget:
        began = time.process_time()
        if len(order) < BATCH:
            order = rng.permutation(len(train)).tolist()
        chosen, order = order[:BATCH], order[BATCH:]
        for group in optimizer.param_groups:
            group["lr"] = peer.rate * min(1.0, (steps + 1) / 50) * 0.5 * (1 + math.cos(math.pi * used / budget))
        loss = peer.loss(peer.joined([train[k] for k in chosen]))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if peer.clip is not None:
            torch.nn.utils.clip_grad_norm_(peer.model.parameters(), peer.clip)
        optimizer.step()
        average.update()
        losses.append(float(loss.detach()))
        steps, used = steps + 1, used + time.process_time() - began
        if used >= (len(curve) + 1) * budget / LOOKS:
            average.swap()
            found = errors(peer, sets["valid"], graphs["valid"])
            average.swap()
            curve.append({"seconds": used, "step": steps, "loss": float(np.mean(losses)), **found})
            losses.clear()
            print(json.dumps(curve[-1]), flush=True)
    average.swap()
    tests = {name: errors(peer, sets[name], graphs[name]) for name in sets if name not in ("train", "valid")}
    return {"steps": steps, "seconds": used, "curve": curve, "tests": tests}


def speeds(peer: Peer, sizes: dict[str, str]) -> dict[str, float]:
    """Processor microseconds of energies and forces by the atom, of boxes of so many; their neighbours are known."""
    peer.model.eval()
    found: dict[str, float] = {}
    for size, path in sizes.items():
        batch = peer.joined([peer.graph(ase.io.read(path))])
        peer.predicted(batch), peer.predicted(batch)
        times: list[float] = []
        while sum(times) < 3 and len(times) < 20:
            began = time.process_time()
            peer.predicted(batch)
            times.append(time.process_time() - began)
        found[size] = 1e6 * min(times) / int(size)
    return found


def main() -> None:
    plan = json.loads(Path(sys.argv[1]).read_text())
    torch.set_num_threads(1)
    torch.manual_seed(plan["seed"])
    began = time.process_time()
    for module in IMPORTED[plan["peer"]]:
        importlib.import_module(module)
    imported = time.process_time() - began
    peer = PEERS[plan["peer"]](read(plan["sets"]["train"]), plan["settings"])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = {"import": imported, "parameters": sum(p.numel() for p in peer.model.parameters()), **trained(peer, plan)}
    found["memory_MiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found["memory_before_MiB"] = before / 1024
    found["microseconds_per_atom"] = speeds(peer, plan["sizes"])
    Path(plan["out"]).write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
