"""The reproduction of geometry-guided federated learning: deals without leaks, a miniature, claims that can fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from isotropy.errors import SchemaError
from isotropy.experiments.geometric_federated import (
    GEOMETRIC_FEDERATED,
    SMALL,
    Config,
    DigitsPlan,
    GeometricFederated,
    KindsPlan,
    OfficePlan,
    OwnPlan,
    Schedule,
)
from isotropy.experiments.geometric_federated._claims import claims
from isotropy.experiments.geometric_federated._config import (
    FEDAVG,
    KINDS,
    LABELS,
    METHODS,
    MODES,
    MORE,
    OFFICE,
    OWN,
    POOLED,
)
from isotropy.experiments.geometric_federated._features import own_features
from isotropy.experiments.geometric_federated._jobs import Rows, Tests, digits, kinds, office
from isotropy.experiments.geometric_federated._methods import head_of
from isotropy.federation import ClassStats, ridge_head
from isotropy.runs import Job, Run
from isotropy.study import Score

QUICK = Schedule(rounds=1, epochs=1, target=8, more_rounds=2, more_epochs=1)
TINY = Config(
    digits=DigitsPlan(train=60, test=40, public=40, dims=6, sites=3, schedule=QUICK),
    office=OfficePlan(dims=6, schedule=QUICK),
    kinds=KindsPlan(train=(30, 30, 30), test=20, dims=6, schedule=QUICK),
    own=OwnPlan(sites=2, schedule=QUICK),
    alphas=(0.1,),
    office_features=("surf",),
    seeds=1,
    engine="serial",
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, real_data: Path) -> GeometricFederated:
    folder = tmp_path_factory.mktemp("experiment")
    x, y = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32), np.arange(60) % 3
    np.savez(folder / "own.npz", x=x + 3 * np.eye(3, 4)[y].astype(np.float32), y=y)
    with Run(folder / "run") as run:
        result = GEOMETRIC_FEDERATED.run(replace(TINY, features=str(folder / "own.npz")), run)
    assert isinstance(result, GeometricFederated)
    return result


def test_every_method_has_a_line_in_every_setting(finished: GeometricFederated) -> None:
    lines = {(score.task, score.setting, score.method) for score in finished.scores}
    settings = [(LABELS, "alpha 0.1"), (OFFICE, "surf, alpha 0.1"), (KINDS, "digits"), (OWN, "own")]
    settings += [(OFFICE, f"surf, alpha 0.1, {name}") for name in ("caltech10", "sd over domains")]
    assert {(*setting, method) for setting in settings for method in METHODS} <= lines
    assert GeometricFederated.from_json(finished.to_json()) == finished
    titles = [getattr(block, "title", "") for block in finished.blocks()]
    assert "Office-Caltech, surf, alpha 0.1" in titles
    assert "Published by others (not run here)" in titles


# A few pictures of Office-Caltech are twice in the data, once per domain.
@pytest.mark.parametrize(
    ("deal", "twice"),
    [
        (lambda: digits(TINY.digits, 0.1, 0), 0.0),
        (lambda: office("surf", 0.1, TINY.office, 0), 0.02),
        (lambda: kinds(TINY.kinds, 0), 0.0),
    ],
)
def test_what_is_fitted_and_what_tests_have_no_row_in_common(
    real_data: Path, monkeypatch: pytest.MonkeyPatch, deal: Callable[[], tuple[list[Rows], Tests]], twice: float
) -> None:
    fitted: list[torch.Tensor] = []

    def seen(rows: torch.Tensor, dims: int, *others: torch.Tensor) -> list[torch.Tensor]:
        fitted.append(rows)
        return list(others)

    monkeypatch.setattr("isotropy.experiments.geometric_federated._jobs.principal", seen)
    clients, tests = deal()
    held = torch.cat([x for x, _ in tests.values()])
    for rows in (torch.cat([x for x, _ in clients]), *fitted):
        known = {row.tobytes() for row in rows.numpy()}
        assert sum(row.tobytes() in known for row in held.numpy()) <= twice * len(held)
    assert len(fitted) == 1


def test_one_round_ridge_is_that_of_all_rows(real_data: Path) -> None:
    clients, tests = digits(replace(TINY.digits, train=200), 0.1, 0)
    ours = head_of("ridge, one round", clients, 10, QUICK, 0)
    whole = ClassStats.from_data(*(torch.cat(parts) for parts in zip(*clients, strict=True)), classes=10)
    alpha = 0.01 * float((whole.n[:, None] * whole.cov.diagonal(dim1=1, dim2=2)).sum() / whole.width)
    x = tests[""][0]
    # Features and weights are float32.
    torch.testing.assert_close(ours(x), ridge_head(whole, alpha)(x), rtol=0, atol=1e-5)


def test_claims_fail_on_numbers_that_are_bad() -> None:
    def judged(values: dict[str, float]) -> dict[str, bool]:
        settings = [(LABELS, f"alpha {alpha:g}") for alpha in SMALL.alphas]
        for name in SMALL.office_features:
            settings += [(OFFICE, f"{name}, alpha {alpha:g}") for alpha in SMALL.alphas]
        settings.append((KINDS, "digits"))
        scores = [
            Score(task, setting + part, method, "", (values.get(method, 0.5),), 1, 1.0)
            for task, setting in settings
            for part in ("", ", sd over domains")
            for method in METHODS
        ]
        result = GeometricFederated(scores=tuple(scores), seconds=0.0)
        return {claim.text: claim.judge(result).held for claim in claims(SMALL)}

    bad = judged({FEDAVG: 0.6, MORE: 0.7, POOLED: 0.9, "matched": 0.65, "ridge, one round": 0.95})
    assert not any(held for text, held in bad.items() if "domains are nearer" not in text), bad
    good = judged({FEDAVG: 0.6, MORE: 0.65, POOLED: 0.9, **dict.fromkeys(MODES, 0.88)})
    missed = [text for text, held in good.items() if not held and "domains are nearer" not in text]
    assert [text for text in missed if "grows as alpha" not in text and "no single mode" not in text] == []


def test_domains_of_any_numbers_and_names(tmp_path: Path) -> None:
    x, y = np.ones((6, 2)), np.arange(6) % 2
    for domain, names in (
        (np.array([1, 1, 4, 4, 4, 9]), ("domain 1", "domain 4", "domain 9")),
        (np.array(["a", "a", "b", "b", "b", "c"]), ("domain a", "domain b", "domain c")),
    ):
        np.savez(tmp_path / "some.npz", x=x, y=y, domain=domain)
        found = own_features(str(tmp_path / "some.npz"))
        assert found.domains == names
        assert found.domain.tolist() == [0, 0, 1, 1, 1, 2]


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"y": np.array([0, -1, 1])}, "labels y of int64 such as -1"),
        ({"y": np.array(["a", "b", "c"])}, "labels y of <U1"),
        ({"y": np.array([0.5, 1.0, 0.0])}, "labels y of float64"),
        ({"y": np.arange(4)}, r"y \(4,\)"),
        ({"x": np.array([["a"], ["b"], ["c"]])}, r"x \(3, 1\) of <U1"),
        ({"domain": np.arange(2)}, r"domain \(2,\)"),
    ],
)
def test_arrays_that_are_no_features_and_labels_are_refused(
    arrays: dict[str, np.ndarray], words: str, tmp_path: Path
) -> None:
    np.savez(tmp_path / "some.npz", **{"x": np.ones((3, 2)), "y": np.arange(3), **arrays})
    with pytest.raises(SchemaError, match=words):
        own_features(str(tmp_path / "some.npz"))


def test_what_is_kept_of_features_is_not_told_of_others(tmp_path: Path) -> None:
    config = replace(TINY, features=str(tmp_path / "some.npz"), parts=(OWN,))

    def jobs(x: np.ndarray) -> list[Job]:
        np.savez(tmp_path / "some.npz", x=x, y=np.arange(6) % 2)
        return [trial.job for trial in GEOMETRIC_FEDERATED.trials(config) if trial.task == OWN]

    assert jobs(np.ones((6, 2))) == jobs(np.ones((6, 2))) != jobs(np.zeros((6, 2)))


def test_a_file_without_labels_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "wrong.npz", x=np.zeros((3, 2)))
    with Run(tmp_path / "run") as run, pytest.raises(SchemaError, match="without arrays x and y"):
        GEOMETRIC_FEDERATED.run(replace(TINY, features=str(tmp_path / "wrong.npz"), parts=(OWN,)), run)
