"""``isotropy bench tensor-products``: what it times is one function, its bars can fail, its pages come out whole."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch

FOLDER = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(FOLDER))
    threads = torch.get_num_threads()
    import tensor_products

    yield tensor_products
    torch.set_num_threads(threads)


@pytest.mark.parametrize("truncated", [False, True])
def test_all_contenders_compute_the_same_function(bench: ModuleType, truncated: bool) -> None:
    case = bench.Case(2, 64, truncated)
    x, y = bench.inputs(case, "cpu")
    found, _ = bench.contenders()
    assert {*bench.METHODS, bench.SAME} <= set(found)
    for name, contender in found.items():
        builds = contender.builds(case, "cpu")
        assert len(builds) == (2 if name in (bench.SAME, "cuEquivariance") else 1)
        for build in builds:
            built = build()
            bench.check(name, built, x, y, case)
            both = bench.call(built, x, y, backward=True)()
            assert [len(part) for part in both] == [len(built.arrange(x))] * 2


def test_another_function_is_refused(bench: ModuleType) -> None:
    case = bench.Case(1, 32)
    x, y = bench.inputs(case, "cpu")
    built = bench.contenders(only_ours=True)[0]["grid"].builds(case, "cpu")[0]()
    with pytest.raises(AssertionError, match="relative difference"):
        bench.check("twice", replace(built, run=lambda a, b: built.run(2 * a, b)), x, y, case)


def test_bars_are_met_missed_or_not_measured(bench: ModuleType) -> None:
    def measured(times: float) -> list[str]:
        cells = [bench.Cell(4, 32, False, False, name, s, s, 3) for name, s in (("auto", 1.0), (bench.SAME, times))]
        cells += [bench.Cell(L, 32, False, False, "grid_separable", L**3.5, 1.0, 3) for L in (6, 8, 12)]
        return [bar.verdict for bar in bench.TensorProducts(machine={}, cells=tuple(cells)).bars()]

    assert measured(31.0)[:4] == ["met", "not measured", "not measured", "not met"]  # the exponent 3.5 is above 3
    assert measured(29.0)[0] == "not met"


def test_what_takes_too_long_or_too_much_is_left_out(bench: ModuleType) -> None:
    limits = bench.Limits(budget=6.0, memory=1.0)
    key = ("grid", 32, False, "forward")
    limits.times[key].append((4, 0.1))
    assert limits.allow(key, 5, 1.5)
    assert not limits.allow(key, 8, 1.5)
    assert not limits.allow(key, 5, 1.5)  # once left out, always left out
    dense = bench.contenders(only_ours=True)[0]["dense"]
    assert limits.fits("dense", dense, bench.Case(4, 32))
    assert not limits.fits("dense", dense, bench.Case(12, 4096))
    assert [line.split(",")[0] for line in limits.told()] == ["grid", "dense"]


def test_a_run_writes_its_pages_and_can_be_rendered_again(
    bench: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = ["--degrees", "1", "2", "--rows", "32", "--repeats", "1", "--output", "full"]
    monkeypatch.setattr(sys, "argv", ["tensor_products.py", "--quick", *small, "--out", str(tmp_path / "one")])
    bench.main()
    page = (tmp_path / "one" / "tensor-products.md").read_text()
    assert "| 2 | 32 | " in page
    assert "fields, by degree" in page
    assert "us a step" in page
    assert "auto over the best method" in capsys.readouterr().out
    assert (tmp_path / "one" / "report.html").is_file()
    record = str(tmp_path / "one" / "measurements.json")
    monkeypatch.setattr(sys, "argv", ["tensor_products.py", "--render", record, "--out", str(tmp_path / "two")])
    bench.main()
    assert (tmp_path / "two" / "tensor-products.md").read_text() == page


def test_calibration_says_how_far_auto_is_from_the_best(bench: ModuleType) -> None:
    times = {"auto": 2.0, "dense": 4.0, "grid": 2.0, "grid_separable": 1.0}
    cells = [bench.Cell(L, 32, False, False, name, s, s, 3) for L in (1, 2) for name, s in times.items()]
    told = bench.calibration(bench.TensorProducts(machine={}, cells=tuple(cells)))
    assert "100.0 %  to grid_separable in L = 1, 32 rows" in told
    assert told.endswith("not met: auto is never more than 15 % slower than the best method")
    cells = [bench.Cell(L, 32, False, False, name, 1.0, 1.0, 3) for L in (1, 2) for name, s in times.items()]
    told = bench.calibration(bench.TensorProducts(machine={}, cells=tuple(cells)))
    assert told.endswith("\nmet: auto is never more than 15 % slower than the best method")
