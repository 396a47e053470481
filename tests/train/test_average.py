"""An average of the weights, and the best of them: what a training ends with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from test_fit import X, Y, network, squared, weights
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from isotropy.errors import DomainError
from isotropy.runs import Run
from isotropy.train import Batches, fit


def sgd(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), 0.3)


def test_the_average_is_that_of_torch_and_of_a_loop_by_hand() -> None:
    model, plain, validated = network(), network(), []

    def loss(model: nn.Module, batch: Any) -> Tensor:
        if not model.training:
            validated.append(weights(model))
        return squared(model, batch)

    called: list[Tensor] = []
    history = fit(
        model, loss, Batches(X, Y, 40), optimizer=sgd(model), max_epochs=3, average=0.9, validation=[(X, Y)],
        callbacks=[lambda row, model: called.append(weights(model))], best_from=2,
    )  # fmt: skip
    averaged = AveragedModel(plain, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    by_hand, batches, optimizer = None, Batches(X, Y, 40), sgd(plain)
    for epoch in range(3):
        batches.set_epoch(epoch)
        for batch in batches:
            optimizer.zero_grad()
            squared(plain, batch).mean().backward()
            optimizer.step()
            averaged.update_parameters(plain)
            now = weights(plain).double()
            by_hand = now if by_hand is None else 0.9 * by_hand + 0.1 * now
        assert torch.equal(validated[epoch], weights(averaged.module))
        assert torch.equal(called[epoch], weights(averaged.module))
    assert torch.equal(weights(model), weights(averaged.module))
    torch.testing.assert_close(weights(model).double(), by_hand, rtol=1e-5, atol=1e-6)
    assert history.best == history.rows[-1]["validation"]


def test_without_validation_the_model_ends_with_the_average_and_trains_without_it() -> None:
    free, averaged = network(), network()
    first = fit(free, squared, Batches(X, Y, 40), optimizer=sgd(free), max_epochs=3)
    second = fit(averaged, squared, Batches(X, Y, 40), optimizer=sgd(averaged), max_epochs=3, average=0.99)
    assert first.curve("loss") == second.curve("loss")
    assert not torch.equal(weights(free), weights(averaged))
    for decay in (0.0, 1.0, -1.0, 2.0):
        with pytest.raises(DomainError, match="a decay between 0 and 1"):
            fit(free, squared, [(X, Y)], optimizer=sgd(free), max_epochs=1, average=decay)


class PulledThePlug(Exception):
    pass


def test_patience_restores_the_best_average_and_is_resumed_exactly(tmp_path: Path) -> None:
    def train(run: Run | None, plug: int | None = None) -> Any:
        model, seen = network(1), []

        def called(row: Any, model: nn.Module) -> None:
            seen.append(weights(model))
            if row["epoch"] == plug:
                raise PulledThePlug

        history = fit(
            model, squared, Batches(X[40:60], Y[40:60], 10), max_epochs=500,
            optimizer=torch.optim.Adam(model.parameters(), 0.05), validation=[(X[:40], Y[:40])], patience=4,
            average=0.5, callbacks=[called], run=run, checkpoint_every=0.0,
        )  # fmt: skip
        return model, history, seen

    model, history, seen = train(None)
    assert history.reason == "patience"
    assert history.epochs == history.best_epoch + 4 + 1
    assert torch.equal(weights(model), seen[history.best_epoch])
    with Run(tmp_path / "run") as run:
        for plug in (2, history.best_epoch + 2):  # before the best epoch, and while waiting for a better one
            with pytest.raises(PulledThePlug):
                train(run, plug)
        again = train(run)
        finished = train(run, plug=0)  # nothing is left to do
    assert again[1] == finished[1] == history
    assert torch.equal(weights(again[0]), weights(model))
    assert torch.equal(weights(finished[0]), weights(model))
