"""The cost model of ``method="auto"``: right in order, kept on disk, never in the way of a result."""

from __future__ import annotations

import math
import pickle
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from isotropy.errors import SchemaError
from isotropy.nn import CompleteProduct, GauntProduct, PoissonProduct, ProductCosts, VectorProduct, product_costs
from isotropy.nn.gaunt import _calibration as calibration
from isotropy.nn.gaunt._costs import FORMS, Prices
from isotropy.nn.gaunt._shipped import SHIPPED
from isotropy.nn.gaunt._work import Size


def costs(grid: Prices, separable: Prices, piece: int = 0) -> ProductCosts:
    prices = {"grid": grid, "grid_separable": separable}
    return ProductCosts("of a test", prices, prices, piece)  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a process that knows nothing."""
    monkeypatch.delenv("ISOTROPY_COSTS")
    monkeypatch.setenv("ISOTROPY_CACHE", str(tmp_path))
    monkeypatch.setattr(calibration, "_known", {})
    return tmp_path / "products"


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The machines that were measured; the constants say how many were before."""
    machines: list[str] = []

    def measure(machine: str, _: object) -> ProductCosts:
        machines.append(machine)
        return ProductCosts(machine, SHIPPED.forward, SHIPPED.gradients, len(machines))

    monkeypatch.setattr(calibration, "measure", measure)
    return machines


def use(monkeypatch: pytest.MonkeyPatch, known: ProductCosts) -> None:
    monkeypatch.setenv("ISOTROPY_COSTS", "")
    monkeypatch.setattr(calibration, "_known", {torch.get_num_threads(): known})


def test_more_rows_and_higher_degrees_cost_more() -> None:
    for form in FORMS:
        for gradients in (False, True):
            times = [SHIPPED.seconds(form, Size(4, 4, 8), rows, gradients) for rows in (1, 32, 512, 4096)]
            times += [SHIPPED.seconds(form, Size(L, L, 2 * L), 4096, gradients) for L in range(5, 13)]
            assert times == sorted(times)
            assert len(set(times)) == len(times)
    double = [SHIPPED.seconds("grid", Size(4, 4, 8), 4096, itemsize=size) for size in (4, 8)]
    assert 1.8 < double[1] / double[0] <= 2


def test_the_order_is_that_of_the_constants() -> None:
    size = Size(6, 6, 12)
    steps = costs(Prices(1.0, 1.0, 0.0), Prices(10.0, 1.0, 0.0))  # the separable form has more to begin with
    assert [band.method for band in steps.bands(size, False)] == ["grid", "grid_separable"]
    assert [band.method for band in costs(Prices(1.0, 0.0, 0.0), Prices(2.0, 0.0, 0.0)).bands(size, False)] == ["grid"]
    fast = costs(Prices(1.0, 1.0, 0.0), Prices(1.0, 1.0, 0.0)).bands(size, False)
    assert fast[-1].method == "grid_separable"
    later = costs(Prices(1.0, 1.0, 0.0), Prices(20.0, 1.0, 0.0)).bands(size, False)
    assert later[0].rows > steps.bands(size, False)[0].rows
    # A form that would win only beyond a piece never does.
    piece = costs(Prices(1.0, 1.0, 0.0), Prices(10.0, 1.0, 0.0), piece=4 * 325)
    assert [(band.method, band.piece) for band in piece.bands(size, False)] == [("grid", 1)]


def test_what_is_kept_for_gradients_of_many_pieces_is_counted() -> None:
    size = Size(6, 6, 12)
    cheap = costs(Prices(1.0, 1.0, 0.0), Prices(2.0, 0.5, 0.0), piece=1 << 16)
    assert [band.method for band in cheap.bands(size, True)] == ["grid", "grid_separable"]
    dear = replace(cheap, kept=1e3)  # order by order more numbers are moved
    bands = dear.bands(size, True)
    assert [band.method for band in bands] == ["grid", "grid_separable", "grid"]
    assert bands[1].rows == 2 * dear.rows_in_a_piece("grid", size) - 1
    assert [band.method for band in dear.bands(size, False)] == ["grid", "grid_separable"]
    rows = bands[1].rows + 1
    assert dear.seconds("grid", size, rows, True) < dear.seconds("grid_separable", size, rows, True)
    assert ProductCosts.from_json(dear.to_json()) == dear


@pytest.mark.parametrize("gradients", [False, True])
def test_bands_are_the_fastest_forms(gradients: bool) -> None:
    for L1, L2, L3 in ((1, 3, 3), (2, 2, 4), (5, 5, 10), (8, 8, 8), (12, 12, 24), (3, 9, 12)):
        size = Size(L1, L2, L3)
        bands = SHIPPED.bands(size, gradients)
        assert math.isinf(bands[-1].rows)
        most = min(SHIPPED.rows_in_a_piece(band.method, size) for band in bands)
        for rows in (1, 7, 32, 200, 512, 700, 2000):
            if rows > most:
                continue
            took = next(band.method for band in bands if rows <= band.rows)
            least = min(SHIPPED.seconds(form, size, rows, gradients) for form in FORMS)
            assert SHIPPED.seconds(took, size, rows, gradients) == pytest.approx(least, rel=1e-9)


def test_the_fit_finds_the_constants_that_made_the_times() -> None:
    for form in ("grid", "grid_separable"):
        for prices in (Prices(3e-5, 1e-5, 2e-4), Prices(1e-4, 0.0, 3e-4), Prices(0.0, 2e-5, 0.0)):
            model = costs(prices, prices)
            keys = [(form, Size(L, L, L3), rows) for L, L3, rows in calibration.SAMPLES]
            found = calibration._fitted(form, {key: model.seconds(*key) for key in keys})
            assert found.step == pytest.approx(prices.step, abs=1e-10)
            assert found.operations == pytest.approx(prices.operations, abs=1e-10)
            assert found.numbers == pytest.approx(prices.numbers, abs=1e-9)


def test_a_machine_is_measured_once(folder: Path, measured: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    first = product_costs()
    assert product_costs() is first
    monkeypatch.setattr(calibration, "_known", {})  # another process
    assert product_costs() == first
    assert len(measured) == len(list(folder.iterdir())) == 1
    assert product_costs(refresh=True).piece == 2
    assert product_costs().piece == 2
    monkeypatch.setattr(calibration, "processor", lambda: "another one")
    monkeypatch.setattr(calibration, "_known", {})
    assert product_costs().machine.startswith("another one")
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize("text", ["", "{", "[]", '{"machine": "x"}', SHIPPED.to_json().replace("2.9e-05", "-1.0")])
def test_a_broken_file_is_measured_again_and_replaced(
    text: str, folder: Path, measured: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert text != SHIPPED.to_json()
    with pytest.raises(SchemaError):
        ProductCosts.from_json(text)
    product_costs()
    (path,) = folder.iterdir()
    path.write_text(text)
    monkeypatch.setattr(calibration, "_known", {})
    assert product_costs().piece == len(measured) == 2
    assert ProductCosts.from_json(path.read_text()) == product_costs()


def test_all_machines_choose_alike_if_asked(folder: Path, measured: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISOTROPY_COSTS", "shipped")
    assert product_costs() is product_costs(refresh=True) is SHIPPED
    assert not measured


def test_a_folder_that_cannot_be_written_costs_only_time(
    folder: Path, measured: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write_text("a file where the folder should be")
    assert product_costs().piece == 1
    monkeypatch.setenv("ISOTROPY_CACHE", "off")
    monkeypatch.setattr(calibration, "_known", {})
    assert product_costs().piece == len(measured) == 2


def test_what_cannot_be_measured_is_as_shipped(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    still = {"perf_counter": lambda: 0.0, "thread_time": lambda: 0.0, "get_clock_info": time.get_clock_info}
    monkeypatch.setattr(calibration, "time", SimpleNamespace(**still))
    monkeypatch.setattr(calibration, "SAMPLES", ((1, 1, 2),))
    assert product_costs() is SHIPPED
    assert not folder.exists()


def test_measuring_takes_a_second_and_reaches_nobody(folder: Path) -> None:
    state, grad = torch.get_rng_state(), torch.is_grad_enabled()
    with torch.inference_mode(), torch.device("meta"):
        found = product_costs()
    assert found.machine.startswith(calibration.processor())
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.is_grad_enabled() is grad
    for prices in (*found.forward.values(), *found.gradients.values()):
        assert max(prices.step, prices.operations, prices.numbers) > 0
    assert "Gflop/s" in str(found)
    assert ProductCosts.from_json(found.to_json()) == found


def test_a_call_never_measures_and_a_copy_keeps_its_choice(
    measured: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, costs(Prices(1.0, 1.0, 0.0), Prices(1e9, 1.0, 0.0)))
    product = GauntProduct(6, 6, 6)
    monkeypatch.setattr(calibration, "_known", {})
    copy = pickle.loads(pickle.dumps(product))
    x, y = torch.randn(2, 40, 49)
    assert torch.equal(copy(x, y), product(x, y))
    assert copy.bands == product.bands
    assert not measured
    # A state is loaded into a product of this machine: the same function, whatever it takes.
    use(monkeypatch, costs(Prices(1e9, 1.0, 0.0), Prices(1.0, 1.0, 0.0)))
    other = GauntProduct(6, 6, 6)
    other.load_state_dict(product.state_dict())
    assert {band.method for band in other.bands[0]} != {band.method for band in product.bands[0]}
    assert (other(x, y) - product(x, y)).abs().max() < 1e-5 * product(x, y).abs().max()


PRODUCTS: dict[str, Callable[[], GauntProduct | PoissonProduct | CompleteProduct | VectorProduct]] = {
    "gaunt": lambda: GauntProduct(2, 2, 3, channels=2),
    "weights": lambda: GauntProduct(2, 2, 3, channels=2, weights="rank", rank=2, shared=False, include_odd=True),
    "bracket": lambda: PoissonProduct(2, 2, 3, channels=2),
    "complete": lambda: CompleteProduct(2, 2, 2, channels=2, weights="degree"),
    "fields": lambda: VectorProduct(2, 2, 2, channels=2, weights="degree"),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_pieces_change_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[tuple[Tensor, ...]] = []
    for piece in (0, 4000):
        use(monkeypatch, costs(Prices(1.0, 1.0, 0.0), Prices(10.0, 1.0, 0.0), piece))
        torch.manual_seed(0)
        product = PRODUCTS[name]().double()
        counts = [len(packed) * 2 for packed in product.parities]
        numbers = [torch.arange(61 * c * 9).double() + shift for c, shift in zip(counts, (0, 0.5), strict=True)]
        x, y = (torch.sin(part).reshape(61, -1, 9).requires_grad_() for part in numbers)
        assert bool(product._form(x, y)[1]) == bool(piece)
        out = product(x, y)
        found.append((out, *torch.autograd.grad(out.square().sum(), (x, y))))
        # One row for all others is left whole.
        assert product(x[:1], y).shape == out.shape
    for one, other in zip(*found, strict=True):
        assert (one - other).abs().max() < 1e-12 * one.abs().max()


def test_channels_stay_together(draw: Callable[..., Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
    """They have weights of their own: features without a batch are no rows to take apart."""
    use(monkeypatch, costs(Prices(1.0, 1.0, 0.0), Prices(10.0, 1.0, 0.0), piece=100))
    product = GauntProduct(1, 1, 1, channels=50, weights="rank").double()
    x, y = draw(50, 4), draw(50, 4)
    assert product._form(x, y)[1] == 0
    assert (product(x, y) - product(x[None], y[None])[0]).abs().max() < 1e-12
