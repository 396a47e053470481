"""A force field as a program of torch alone, which runs where this package is not installed."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from isotropy.modes import evaluating
from isotropy.nn.force_field._batches import HIGHEST
from isotropy.nn.force_field._committee import ForceFieldCommittee
from isotropy.nn.force_field._model import GauntForceField
from isotropy.storage import write_whole

TAKES = "positions (N, 3) in Angstrom, numbers (N,), edges (2, E) from source to target, shifts (E, 3) in Angstrom"
GIVES = (
    "energy () in eV, float64; forces (N, 3) in eV/Angstrom; slopes (3, 3) by strain in eV: stress = slopes / volume"
)

_ATOMS = 61


class Standalone(nn.Module):
    """One configuration, ``(positions, numbers, edges, shifts) -> (energy, forces, slopes)``, free atoms included."""

    def __init__(self, model: GauntForceField | ForceFieldCommittee) -> None:
        super().__init__()
        self.model = model
        table = torch.full((HIGHEST + 1,), torch.nan, dtype=torch.float64)
        for number, energy in model.isolated.items():
            table[number] = energy
        self.register_buffer("free", table.to(model.embedding.device))

    def forward(
        self,
        positions: Float[Tensor, "N 3"],
        numbers: Int[Tensor, " N"],
        edges: Int[Tensor, "2 E"],
        shifts: Float[Tensor, "E 3"],
    ) -> tuple[Float[Tensor, ""], Float[Tensor, "N 3"], Float[Tensor, "3 3"]]:
        energy, forces, slopes = self.model(positions, numbers, edges, torch.zeros_like(numbers), 1, shifts, True)
        free = self.get_buffer("free").index_select(0, numbers)
        return free.sum() + energy[0].detach().to(torch.float64), forces.detach(), slopes[0].detach()


def export_force_field(model: GauntForceField | ForceFieldCommittee, path: str | Path) -> Path:
    """Writes ``model`` by ``torch.export``, for any number of atoms and edges: ``torch.export.load(path).module()``.

    It takes one configuration: ``positions (N, 3)`` in Angstrom and in the dtype of the model, ``numbers (N,)``,
    ``edges (2, E)`` from source to target within r_max, each pair in both directions, and ``shifts (E, 3)``, zeros
    where nothing repeats (``vector = positions[source] + shift - positions[target]``). It gives the total energy in eV,
    float64, forces ``(N, 3)``, and the slopes ``(3, 3)`` of the energy by a strain in eV: stresses times the volume,
    minus what files call the virial. Elements that the model does not know raise an IndexError there.
    """
    where = Path(path)
    like = model.embedding
    few = min(model.isolated)
    # A ring of atoms, each with two neighbours. Tracing takes sizes that are equal for the same one: theirs are no size
    # of a weight.
    turn = torch.arange(_ATOMS, dtype=torch.float64) * (2 * torch.pi / _ATOMS)
    places = (_ATOMS / 6 * torch.stack([turn.cos(), turn.sin(), 0 * turn], 1)).to(like)
    here = torch.arange(_ATOMS, device=like.device)
    edges = torch.stack([torch.cat([here, here.roll(-1)]), torch.cat([here.roll(-1), here])])
    given = (places, torch.full_like(here, few), edges, torch.zeros(2 * _ATOMS, 3).to(like))
    atoms, pairs = torch.export.Dim("atoms", min=1), torch.export.Dim("edges", min=0)
    shapes = {0: atoms}, {0: atoms}, {1: pairs}, {0: pairs}
    with evaluating(model):
        program = torch.export.export(_traced(Standalone(model), given), given, dynamic_shapes=shapes, strict=False)
    about = {"takes": TAKES, "gives": GIVES, "r_max": f"{model.r_max} Angstrom", "elements": sorted(model.isolated)}
    write_whole(where, lambda draft: torch.export.save(program, draft, extra_files={"about.json": json.dumps(about)}))
    return where


def _traced(module: nn.Module, given: tuple[Tensor, ...]) -> nn.Module:
    """The operations of ``module`` and of its gradient one after another, whatever the sizes.

    ``torch.export`` by itself loses the gradient that is taken inside (torch 2.13), and keeps it once it is spelled
    out.
    """
    from torch.fx.experimental.proxy_tensor import make_fx

    parameters = list(module.parameters())
    asked = [p.requires_grad for p in parameters]
    compiling = torch.compiler.is_compiling
    try:
        for parameter in parameters:
            parameter.requires_grad_(False)
        # Tracing is compiling: what looks at values must be left out, as it is there.
        torch.compiler.is_compiling = lambda: True
        return make_fx(module, tracing_mode="symbolic", _allow_non_fake_inputs=True)(*given)
    finally:
        torch.compiler.is_compiling = compiling
        for parameter, was in zip(parameters, asked, strict=True):
            parameter.requires_grad_(was)
