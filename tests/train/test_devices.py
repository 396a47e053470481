"""Several processes train the model that one process trains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric
from test_fit import X, Y, network, size, squared, weights
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from isotropy.runs import Run
from isotropy.soft import Constraint, Fixed
from isotropy.train import Batches, Step, Task, fit


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
