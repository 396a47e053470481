"""A network and a loss of the reader's own: from Python, from the command line, and what is refused."""

from __future__ import annotations

import importlib
import re
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

import isotropy
from isotropy.cli import app
from isotropy.comparison import Comparison, _training
from isotropy.comparison._duration import estimated
from isotropy.comparison._methods import Budget, methods_of
from isotropy.comparison._own import Own, best_constant, one_hot
from isotropy.comparison._trainees import trainee_of
from isotropy.errors import IsotropyError, SchemaError
from isotropy.random import spawn
from isotropy.study import Problem, dataset_of, problem_of

ROWS = 90


class Net(nn.Module):
    """Two layers, as anyone's."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(inputs, 16), nn.Tanh(), nn.Linear(16, outputs))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def wide(inputs: int, outputs: int) -> nn.Module:
    return Net(inputs, outputs + 1)


def nothing(inputs: int, outputs: int) -> nn.Module:
    return nn.Identity()


def pseudo_huber(prediction: Tensor, y: Tensor) -> Tensor:
    return (1 + (prediction - y).square()).sqrt() - 1


def averaged(prediction: Tensor, y: Tensor) -> Tensor:
    return (prediction - y).square().mean()


def negative(prediction: Tensor, y: Tensor) -> Tensor:
    return (prediction - y).square().mean(-1) - 1e6


@pytest.fixture(autouse=True, scope="module")
def tiny() -> Generator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Budget, "of", lambda rows, quick=False: Budget(folds=2, steps=12, width=16, channels=6, blocks=1))
        yield


def table(seed: int = 0) -> tuple[Tensor, Tensor]:
    """Vectors, and in which of three shells of equal chance they end."""
    x = torch.randn(ROWS, 6, generator=spawn(seed, "own"), dtype=torch.float64)
    size = x[:, :3].norm(dim=1) - x[:, 3:].norm(dim=1)
    label = torch.bucketize(size, torch.quantile(size, torch.tensor([1 / 3, 2 / 3], dtype=size.dtype)))
    return x, label


def asked(**more: Any) -> Comparison:
    x, label = table()
    y, types = more.pop("y", label), more.pop("types", {"x": "2*Vector", "y": "Scalar"})
    return isotropy.compare(x, y, types, groups="O(3)", quick=True, progress=False, **more)


def test_a_classifier_of_ones_own() -> None:
    found = asked(backbone=Net, loss="cross-entropy", rate=1e-2, methods="soft,frames,layers")
    run = {method.kind: method for method in found.run}
    assert set(run) == {"plain", "frames", "layers"}
    assert "our network" in found["soft"].missing
    # Three classes of equal chance: a constant has log 3, but for the folds.
    assert found.constant == pytest.approx(np.log(3), rel=0.02)
    weights = sum(part.numel() for part in Net(6, 3).parameters())
    assert run["plain"].parameters == run["frames"].parameters == weights
    assert run["frames"].equivariance_error is not None
    assert run["frames"].equivariance_error < 1e-12
    assert found.settings["backbone"].endswith(":Net")
    assert found.settings["loss"] == "cross-entropy"
    page = "\n".join(str(block) for block in found.blocks())
    assert "mean loss (cross-entropy)" in page
    assert "squared error" not in str(found.summary())
    assert "accuracy" in found.table()
    assert "33.3 % of the rows are of the most frequent class" in page
    assert Comparison.from_json(found.to_json()) == found


def test_a_classifier_that_diverges_in_a_later_fold_is_listed_without_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    trained = _training._trained

    def second_fails(problem: Any, seed: int, kind: Any, group: str, fold: int, *more: Any) -> dict[str, Any]:
        fails = kind == "frames" and fold == 1
        return {"diverged": "a loss of nan"} if fails else trained(problem, seed, kind, group, fold, *more)

    monkeypatch.setattr(_training, "_trained", second_fails)
    found = asked(backbone=Net, loss="cross-entropy", methods="frames", engine="serial")
    assert found["frames O(3)"].missing == "it did not converge: a loss of nan"
    assert found["plain"].accuracy is not None


class Says(nn.Module):
    """The second class, whatever it is asked."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.arange(outputs) % 2.0)

    def forward(self, x: Tensor) -> Tensor:
        return self.bias.expand(len(x), -1)


def test_accuracy_is_the_share_of_rows_whose_class_is_right() -> None:
    label = torch.zeros(ROWS, dtype=torch.int64)
    label[torch.randperm(ROWS, generator=spawn(0, "rare"))[: ROWS // 5]] = 1
    found = asked(y=label, backbone=Says, loss="cross-entropy", rate=1e-9, methods="plain")["plain"]
    assert found.accuracy is not None
    assert found.accuracy.mean == pytest.approx(0.2)
    assert 0.09 < found.accuracy.low < 0.2 < found.accuracy.high < 0.31
    assert asked(methods="plain")["plain"].accuracy is None
    with pytest.raises(SchemaError, match="classes as Pseudoscalar"):
        asked(types={"x": "2*Vector", "y": "Pseudoscalar"}, loss="cross-entropy", methods="plain")


def test_the_error_is_the_mean_of_the_loss_that_was_asked() -> None:
    x, _ = table()
    y = x[:, :3].norm(dim=1, keepdim=True)
    found = asked(y=y, loss=pseudo_huber, methods="plain")["plain"]
    assert found.error is not None
    # Of two folds of equal size.
    assert found.error.mean == pytest.approx(sum(found.fold_errors) / 2)
    squared = asked(y=y, methods="plain")["plain"]
    assert squared.error is not None
    # sqrt(1 + r^2) - 1 is at most r^2 / 2; trainings of another loss end elsewhere, but not by half.
    assert found.error.mean < 0.75 * squared.error.mean**2
    named = asked(y=y, loss=f"{pseudo_huber.__module__}:pseudo_huber", methods="plain")["plain"]
    assert named.error == found.error


def problem(own: Own) -> Problem:
    x, label = table()
    return problem_of(dataset_of(x, label, {"x": "2*Vector", "y": "Scalar"}, None), "O(3)", None, 0)


@pytest.mark.parametrize("kind", ["plain", "augmentation", "frames", "coordinates", "layers"])
def test_a_training_step_follows_the_gradient_of_that_loss(kind: Any) -> None:
    own = Own.of(Net, "absolute", None)
    given = problem(own)
    rows = torch.arange(40)
    trainee = trainee_of(kind, given, given.candidates[0], rows, Budget(width=8, channels=8), 0, own)
    trainee.core.eval().requires_grad_(False)
    absolute = float((trainee.predict(given.x[rows]) - given.y[rows]).abs().mean())
    loss = float(trainee.loss(trainee.core, trainee.table(rows)).mean())
    spread = float((given.y[rows] - given.y[rows].median()).abs().mean())
    assert loss == pytest.approx(absolute / spread, rel=0.02)


def test_constants_and_classes() -> None:
    y = torch.tensor([0.0, 0.0, 1.0, 5.0], dtype=torch.float64)[:, None]
    own = Own.of(None, pseudo_huber, None)
    found = best_constant(own, y)
    grid = torch.linspace(0, 5, 2001, dtype=torch.float64)[:, None, None]
    losses = pseudo_huber(grid, y).mean((1, 2))
    assert float(found) == pytest.approx(float(grid[losses.argmin()]), abs=3e-3)
    for wrong in (torch.tensor([[0.5], [1.0]]), torch.tensor([[0.0], [2.0], [2.0], [0.0]]), torch.zeros(2, 2)):
        with pytest.raises(IsotropyError):
            one_hot(wrong)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"backbone": Net(6, 1)}, "each fold starts afresh"),
        ({"backbone": lambda i, o: Net(i, o)}, "at the top of a module"),
        ({"backbone": "nowhere.models:net"}, "nowhere"),
        ({"backbone": "models"}, "module:name"),
        ({"backbone": wide}, "(3, 2)"),
        ({"backbone": nothing}, "without weights"),
        ({"backbone": print}, "builtins:print"),
        ({"loss": "hinge"}, "cross-entropy"),
        ({"loss": averaged}, "one for each row"),
        ({"loss": negative, "methods": "plain"}, "0 at best"),
        ({"rate": -1.0}, "learning rate"),
        ({"loss": "cross-entropy", "y": table()[0][:, :1]}, "numpy.unique"),
    ],
)
def test_what_cannot_take_part_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(IsotropyError) as refusal:
        asked(**change)
    assert said in str(refusal.value)


def test_the_command_takes_both_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ownmodels.py").write_text(
        "from torch import nn\ndef net(inputs, outputs):\n    return nn.Sequential(nn.Linear(inputs, outputs))\n"
    )
    monkeypatch.chdir(tmp_path)
    x, label = table()
    np.savez("own.npz", x=x.numpy(), y=label.numpy()[:, None])
    Path("own.yaml").write_text("x: 2*Vector\ny: Scalar\n")
    words = ["compare", "own.npz", "--schema", "own.yaml", "--groups", "O(3)", "--methods", "plain"]
    words += ["--engine", "serial"]
    done = CliRunner().invoke(app, [*words, "--backbone", "ownmodels:net", "--loss", "cross-entropy", "--out", "run"])
    assert done.exit_code == 0, done.output
    assert Comparison.from_json(Path("run/result.json"))["plain"].parameters == 6 * 3 + 3
    refused = CliRunner().invoke(app, [*words, "--backbone", "ownmodels:nets"])
    assert refused.exit_code == 2
    assert "ownmodels:nets" in refused.output


def test_the_time_that_is_said_beforehand_is_about_that_of_the_trainings() -> None:
    own = Own()
    given = problem(own)
    left = [method for method in methods_of(given, ("plain", "frames")) for _ in range(2)]
    short, long = (estimated(given, left, Budget(steps=steps, width=16), own) for steps in (50, 5000))
    assert 0 < short < long
    assert long > 20 * short or short < 0.5  # what is not steps is small beside them


def test_the_example_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Path(__file__).parents[2] / "docs" / "compare.md"
    (block,) = [code for code in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL) if "net(" in code]
    (tmp_path / "compare_page.py").write_text(block)
    monkeypatch.syspath_prepend(tmp_path)
    found = importlib.import_module("compare_page").found
    assert [method.name for method in found.methods] == ["plain", "augmentation O(3)", "frames O(3)"]
