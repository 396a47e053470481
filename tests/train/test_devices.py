"""Several processes train the model that one process trains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric
from test_fit import X, Y, network, size, squared, weights
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from isotropy.data import Clouds, Molecules
from isotropy.linalg import Segments
from isotropy.nn import ConfigurationBatches, EnergyForceLoss, GauntForceField
from isotropy.random import spawn
from isotropy.runs import Run
from isotropy.soft import Constraint, Fixed
from isotropy.train import Batches, Moved, Step, Task, fit
from isotropy.train._task import Loss


class Turns(Task):
    """Two optimisers, each with one layer, which is called by itself."""

    def step(self, now: Step, batch: Any) -> Tensor:
        for name in ("0", "3"):
            losses = squared(now.model, batch)
            now.descend(losses.mean() + now.model[0].weight.square().sum(), name)
        return losses


def take_turns(fabric: Fabric) -> list[float]:
    model = network(seed=fabric.global_rank)  # that of the first process counts
    rates = {name: lambda parameters: torch.optim.SGD(parameters, 0.1, momentum=0.9) for name in ("0", "3")}
    history = fit(model, Turns(), Batches(X, Y, 30, seed=1), optimizer=rates, max_epochs=2, fabric=fabric)
    return [*weights(model).tolist(), history.rows[-1]["loss"]]


def train(fabric: Fabric, path: Path) -> list[float]:
    model = network()
    keep = Constraint(size, multiplier=Fixed(0.01))
    history = fit(
        model,
        squared,
        Batches(X, Y, 30, seed=1),
        optimizer=lambda parameters: torch.optim.SGD(parameters, 0.1),
        constraints=[keep],
        max_epochs=4,
        validation=DataLoader(TensorDataset(X, Y), 60),
        run=Run.attach(path),
        fabric=fabric,
    )
    last = history.rows[-1]
    return [*weights(model).tolist(), last["loss"], last["validation"], *take_turns(fabric)]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # those of process groups being set up and torn down
def test_two_processes_equal_one(tmp_path: Path) -> None:
    one = train(Fabric(accelerator="cpu", devices=1), tmp_path / "one")
    fabric = Fabric(accelerator="cpu", devices=2, strategy="ddp_spawn")
    two = fabric.launch(train, tmp_path / "two")
    assert two == pytest.approx(one, rel=1e-4, abs=1e-5)
    assert (tmp_path / "two/checkpoint.safetensors").is_file()
    assert len(Run.attach(tmp_path / "two").read("metrics.jsonl")) == 4


def turned(x: Tensor, y: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    return x + 0.1 * torch.rand(x.shape, generator=generator), y


def rows_of(kind: str) -> tuple[nn.Module, Loss, Any, Any]:
    """A model, its loss, batches to train on, of an odd number at the end, and batches to validate on."""
    generator = spawn(0, kind)
    sizes = torch.randint(2, 5, (27,), generator=generator)
    segments = Segments.from_sizes(sizes)
    x = torch.randn(len(segments.label), 3, generator=generator, dtype=torch.float64)
    if kind == "molecules":
        cell = 8.2 * torch.eye(3, dtype=torch.float64).expand(27, 3, 3)
        x = 0.1 * x + torch.tensor([2.0, 0.0, 0.0]) * segments.place[:, None]
        given = (torch.ones(len(x), dtype=torch.int64), x, torch.randn(27, generator=generator).double(), segments)
        # Every third repeats in two directions.
        pbc = (torch.arange(27) % 3 == 0)[:, None] & torch.tensor([True, True, False])
        found = Molecules(*given, forces=torch.randn(x.shape, generator=generator).double(), isolated={1: 0.0},
                          cell=cell, pbc=pbc)  # fmt: skip
        model: nn.Module = GauntForceField(
            {1: 0.0}, channels=4, radial=(8,), r_max=2.5, generator=spawn(0, "weights")
        ).double()
        made = (
            ConfigurationBatches.of(part, 2.5, batch_size=4, seed=2, dtype=torch.float64) for part in (found, found[:9])
        )
        return model, EnergyForceLoss(1.0, 1.0), *made
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(2, 8), nn.SiLU(), nn.Linear(8, 1)).double()
    if kind == "moved tables":
        table = (x[:27, :2], x[:27, 2:])
        return model, squared, Moved(Batches(table, 4, seed=2), turned, 5), Batches(table, 4)
    clouds = Clouds(x[:, :2], segments.mean(x[:, 2:]), segments)
    return model, of_clouds, Batches(clouds, 4, seed=2), Batches(clouds[:9], 4, shuffle=False)


def of_clouds(model: nn.Module, batch: Clouds) -> Tensor:
    assert batch.segments is not None
    return (batch.segments.mean(model(batch.x)) - batch.y).square().mean(-1)


def train_rows(fabric: Fabric, kind: str) -> list[float]:
    model, loss, batches, validation = rows_of(kind)
    history = fit(
        model,
        loss,
        batches,
        optimizer=lambda parameters: torch.optim.SGD(parameters, 1e-3 if kind == "molecules" else 0.05),
        max_epochs=3,
        clip=1.0,
        validation=validation,
        fabric=fabric,
        progress=False,
    )
    return [*weights(model).tolist(), *history.curve("loss"), *history.curve("validation")]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # those of process groups being set up and torn down
def test_two_processes_share_rows_of_every_kind() -> None:
    """Clouds, molecules and tables that are moved: the mean over the batch, whose last part is uneven, is the same."""
    kinds = ("clouds", "molecules", "moved tables")
    one = [train_rows(Fabric(accelerator="cpu", devices=1), kind) for kind in kinds]
    two = Fabric(accelerator="cpu", devices=2, strategy="ddp_spawn").launch(train_kinds, kinds)
    for kind, alone, together in zip(kinds, one, two, strict=True):
        assert together == pytest.approx(alone, rel=1e-9, abs=1e-11), kind


def train_kinds(fabric: Fabric, kinds: tuple[str, ...]) -> list[list[float]]:
    return [train_rows(fabric, kind) for kind in kinds]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_training_on_the_device_continues_and_agrees_with_the_cpu(tmp_path: Path) -> None:
    results: dict[str, Tensor] = {}
    for device in ("cpu", "cuda"):
        model = network().to(device)
        keep = Constraint(size, multiplier=Fixed(0.01))
        fit(
            model,
            squared,
            Batches(X, Y, 30, seed=1),
            optimizer=torch.optim.SGD(model.parameters(), 0.1),
            constraints=[keep],
            max_epochs=4,
            validation=[(X, Y)],
            run=Run.attach(tmp_path / device),
        )
        assert next(model.parameters()).device.type == device
        results[device] = weights(model).cpu()
    torch.testing.assert_close(results["cpu"], results["cuda"], rtol=1e-4, atol=1e-5)
    again = network().cuda()
    fit(
        again,
        squared,
        Batches(X, Y, 30, seed=1),
        optimizer=torch.optim.SGD(again.parameters(), 0.1),
        constraints=[Constraint(size, multiplier=Fixed(0.01))],
        max_epochs=4,
        validation=[(X, Y)],
        run=Run.attach(tmp_path / "cuda"),
    )
    assert torch.equal(weights(again).cpu(), results["cuda"])
