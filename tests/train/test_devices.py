"""Several processes train the model that one process trains."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric
from test_fit import X, Y, network, size, squared, weights
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from isotropy.runs import Run
from isotropy.soft import Constraint, Fixed
from isotropy.train import Batches, fit


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
    return [*weights(model).tolist(), history.rows[-1]["loss"], history.rows[-1]["validation"]]


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
