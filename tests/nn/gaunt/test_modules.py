"""What all layers share: exactness after a change of dtype, compiling, autocast, small batches, copies, bad input."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from isotropy.errors import DomainError, DtypeError, ShapeError
from isotropy.nn import (
    CompleteProduct,
    GauntConvolution,
    GauntPower,
    GauntProduct,
    PoissonProduct,
    SO2Convolution,
    SphereTransform,
    expressivity,
)

Distance = Callable[[torch.Tensor, torch.Tensor], float]
Draw = Callable[..., torch.Tensor]
METHODS = ["grid", "grid_separable", "fourier", "dense"]
LAYERS: dict[str, Callable[[], nn.Module]] = {
    **{
        f"product {m}": lambda m=m: GauntProduct(
            2, 2, 3, method=m, channels=2, weights="rank", rank=2, include_odd=True
        )
        for m in METHODS
    },
    **{f"bracket {m}": lambda m=m: PoissonProduct(2, 2, method=m) for m in METHODS},
    **{f"convolution {m}": lambda m=m: GauntConvolution(2, 2, 3, m) for m in ("zonal", "aligned", "plain", "matrix")},
    "so2": lambda: SO2Convolution(2, 3, 2, 3, 1),
    "power": lambda: GauntPower(2, 2, 3, 3, channels=2, factors=True, rank=2),
    "power separable": lambda: GauntPower(2, 2, 3, 3, channels=2, method="grid_separable"),
    "transform": lambda: SphereTransform(2),
    "transform separable": lambda: SphereTransform(2, method="separable"),
}


def inputs(name: str, draw: Draw, dtype: torch.dtype = torch.float64, rows: int = 5) -> tuple[torch.Tensor, ...]:
    x = draw(rows, 2, 9, dtype=dtype)
    kind = name.split()[0]
    if kind in ("product", "bracket"):
        return x, draw(rows, 2, 9, dtype=dtype)
    if kind in ("convolution", "so2"):
        return x, draw(rows, 3, dtype=dtype), draw(rows, 2, 3, dtype=dtype)
    return (x, torch.arange(rows) % 3) if kind == "power" else (x,)


def cast(given: tuple[torch.Tensor, ...], dtype: torch.dtype) -> list[torch.Tensor]:
    return [x.to(dtype) if x.is_floating_point() else x for x in given]


@pytest.mark.parametrize("name", LAYERS)
def test_double_precision_is_exact_however_it_was_reached(name: str, draw: Draw, apart: Distance) -> None:
    """Constants are cast anew from float64; a float32 buffer cast up would be wrong by 1e-8."""
    x = inputs(name, draw)
    torch.set_default_dtype(torch.float64)
    try:
        born = LAYERS[name]()
    finally:
        torch.set_default_dtype(torch.float32)
    made, moved = LAYERS[name]().double(), LAYERS[name]().to(torch.float64).float().half().to(torch.float64)
    for other in (made, moved):
        other.load_state_dict(born.state_dict())
        assert apart(other(*x), born(*x)) < 1e-13
    single = copy.deepcopy(made).float()
    assert apart(single(*cast(x, torch.float32)).double(), made(*x)) < 2e-6


@pytest.mark.parametrize("name", LAYERS)
def test_batches_of_none_and_of_one(name: str, draw: Draw, apart: Distance) -> None:
    f, x = LAYERS[name]().double(), inputs(name, draw)
    whole = f(*x)
    assert f(*(part[:0] for part in x)).shape == (0, *whole.shape[1:])
    assert apart(f(*(part[:1] for part in x)), whole[:1]) < 1e-13
    empty = tuple(part[:0].clone().requires_grad_(part.is_floating_point()) for part in x)
    f(*empty).sum().backward()
    assert empty[0].grad is not None


def test_one_channel_stays_an_axis(draw: Draw) -> None:
    for method in METHODS:
        f = GauntProduct(2, 2, 2, method=method, channels=1, weights="rank", rank=2, include_odd=True).double()
        assert f(draw(1, 1, 9), draw(1, 1, 9)).shape == (1, 2, 9)
    assert GauntPower(2, 2, 2, channels=1).double()(draw(1, 1, 9)).shape == (1, 1, 9)
    assert GauntConvolution(0, 0, 0).double()(draw(1, 1, 1), draw(1, 3), draw(1, 1, 1)).shape == (1, 1, 1)


@pytest.mark.parametrize("name", LAYERS)
def test_copies_pickles_and_states(name: str, draw: Draw) -> None:
    f, x = LAYERS[name]().double(), inputs(name, draw)
    for other in (copy.deepcopy(f), pickle.loads(pickle.dumps(f))):
        assert torch.equal(other(*x), f(*x))
    # Settings are told in the state, constants are not.
    told = {key for key in f.state_dict() if not key.endswith("_extra_state")}
    assert told == {key for key, _ in f.named_parameters()}


@pytest.mark.parametrize("name", LAYERS)
def test_autocast_does_not_touch_the_precision(name: str, draw: Draw) -> None:
    f, x = LAYERS[name](), inputs(name, draw, torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(f(*x), f(*x))
        half = f(*cast(x, torch.bfloat16))
    assert half.dtype == torch.float32
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = f(*x)
    assert torch.equal(inside, f(*x))


QUICK = ["product grid_separable", "bracket fourier", "convolution aligned", "power"]


@pytest.mark.parametrize("name", [pytest.param(k, marks=() if k in QUICK else pytest.mark.slow) for k in LAYERS])
def test_exported_with_any_number_of_rows(name: str, draw: Draw, apart: Distance) -> None:
    f, x = LAYERS[name](), inputs(name, draw, torch.float32)
    rows = tuple({0: torch.export.Dim("rows", min=2)} for _ in x)
    program = torch.export.export(f, x, dynamic_shapes=rows).module()
    longer = inputs(name, draw, torch.float32, rows=9)
    assert apart(program(*longer), f(*longer)) < 2e-6


# The checked annotations of the tests do not trace, so what is compiled runs beside them.
_COMPILED = """
import sys
import torch
from isotropy.nn import *
from isotropy.reps import wigner_D

made = dict(
    product=lambda: (GauntProduct(2, 2, 3, channels=2, rank=2, weights="rank", include_odd=True), 9, 9),
    separable=lambda: (GauntProduct(2, 2, 3, method="grid_separable"), 9, 9),
    fourier=lambda: (PoissonProduct(2, 2, 3, method="fourier"), 9, 9),
    dense=lambda: (GauntProduct(2, 2, 3, method="dense"), 9, 9),
    complete=lambda: (CompleteProduct(2, 2, 3), 9, 9),
    zonal=lambda: (GauntConvolution(3, 2, 2, "zonal"), 16, 0, 3),
    aligned=lambda: (GauntConvolution(3, 2, 2, "aligned"), 16, 0, 3),
    plain=lambda: (GauntConvolution(3, 2, 2, "plain"), 16, 0, 3),
    matrix=lambda: (GauntConvolution(1, 2, 2, "matrix"), 4, 0, 3),
    so2=lambda: (SO2Convolution(3, 2, 2, 3), 16, 0, 4),
    power=lambda: (GauntPower(2, 2, 3, channels=2, factors=True, rank=2), 9),
    transform=lambda: (SphereTransform(2), 9),
)
for name in sys.argv[2:]:
    f, *sizes = made[name]()
    x = [torch.randn(5, 2, n, requires_grad=True) if n else torch.randn(5, 3, requires_grad=True) for n in sizes]
    grads = []
    for g in (f, torch.compile(f, fullgraph=True, backend=sys.argv[1])):
        found = g(*x)
        grads.append((found, *torch.autograd.grad(found.square().sum(), x)))
    for one, other in zip(*grads):
        assert (one - other).abs().max() < 1e-4 * one.abs().max(), name
R = torch.linalg.qr(torch.randn(5, 3, 3))[0]
assert torch.equal(torch.compile(wigner_D, fullgraph=True, backend="eager")(4, R), wigner_D(4, R))
for method in ("auto", "fft"):
    try:
        GauntProduct(2, 2, method=method, weights="all" if method == "auto" else "none")
    except ValueError as error:
        assert "expected 'none', 'degree' or 'rank'" in str(error) or "given method='fft'" in str(error)
    else:
        raise AssertionError(method)
"""
EVERY = "product separable fourier dense complete zonal aligned plain matrix so2 power transform"


@pytest.mark.parametrize(
    ("backend", "names"),
    [
        pytest.param("aot_eager", EVERY, marks=pytest.mark.slow),
        pytest.param("inductor", "product separable zonal power", marks=pytest.mark.slow),
    ],
    ids=["every", "inductor"],
)
def test_compiled_in_one_graph_with_gradients(backend: str, names: str) -> None:
    command = [sys.executable, "-W", "error::UserWarning:isotropy", "-c", _COMPILED, backend, *names.split()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1500)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize("name", [name for name in LAYERS if name.split()[0] in ("product", "bracket", "transform")])
def test_6_second_derivatives(name: str, draw: Draw) -> None:
    f = LAYERS[name]().double()
    x = tuple(draw(1, 2, 9).requires_grad_() for _ in inputs(name, draw, rows=1))
    assert torch.autograd.gradcheck(f, x)
    assert torch.autograd.gradgradcheck(f, x)


def test_tables_made_under_inference_mode_serve_training(draw: Draw) -> None:
    with torch.inference_mode():
        GauntProduct(7, 3, 5, method="grid_separable")(draw(2, 64).float(), draw(2, 16).float())
    f = GauntProduct(7, 3, 5, method="grid_separable").double()
    f(draw(2, 64).requires_grad_(), draw(2, 16)).sum().backward()


def test_bad_input_is_refused_at_the_door(draw: Draw) -> None:
    f, x, y = GauntProduct(2, 3, 4).double(), draw(5, 2, 9), draw(5, 2, 16)
    with pytest.raises(ShapeError, match=r"x of shape \(5, 2, 8\); expected \(\.\.\., C, 9\)"):
        f(x[..., :8], y)
    with pytest.raises(ShapeError, match=r"expected \(\.\.\., C, 16\)"):
        f(x, x)
    with pytest.raises(ShapeError, match="same batch axes and channels"):
        f(draw(5, 3, 9), y)
    with pytest.raises(ShapeError, match="same batch axes and channels"):
        f(draw(4, 2, 9), y)
    with pytest.raises(DtypeError, match="real"):
        f(x.to(torch.complex128), y)
    with pytest.raises(DtypeError, match="real"):
        f(x, y.long())
    with pytest.raises(DtypeError, match="float64, as the module"):
        f(x, y.float())
    with pytest.raises(DtypeError, match="meta"):
        f(x, y.to("meta"))
    with pytest.raises(ShapeError, match="2C"):
        CompleteProduct(2, 3).double()(draw(5, 3, 9), draw(5, 4, 16))
    with pytest.raises(ShapeError, match="3 channels"):
        GauntProduct(2, 3, channels=3).double()(x, y)
    with pytest.raises(ShapeError, match="appended as channels"):
        GauntProduct(2, 3, include_odd=True).double()(x[0, 0], y[0, 0])
    bad = x.clone()
    bad[0, 0, 0] = torch.nan
    assert f(bad, y).isnan().any()
    assert f(bad, y)[1:].isfinite().all()
    with pytest.raises(DomainError, match="x with 1 entry not finite"):
        GauntProduct(2, 3, check_finite=True).double()(bad, y)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"weights": "degree"}, "channels=None"),
        ({"weights": "rank", "channels": 2, "rank": 0}, "rank=0"),
        ({"weights": "degree", "channels": 2, "rank": 3}, "rank=3"),
        ({"parities": (1, 0)}, "parities"),
        ({"L1": -1}, "L1=-1"),
        ({"L3": 9, "strict": True}, "L3=9"),
    ],
)
def test_bad_settings_are_refused(given: dict[str, Any], named: str) -> None:
    with pytest.raises(DomainError, match=named):
        GauntProduct(**{"L1": 2, "L2": 2, **given})


@pytest.mark.parametrize("method", METHODS)
def test_degrees_out_of_reach_are_zero_and_announced(method: Any, draw: Draw) -> None:
    with pytest.warns(UserWarning, match="L3=6 is above 4"):
        f = GauntProduct(2, 2, 6, method=method).double()
    assert f(draw(3, 9), draw(3, 9))[..., 25:].abs().max() < 1e-12


def test_high_degrees_want_double_precision(draw: Draw) -> None:
    f = GauntProduct(31, 0, 0)
    with pytest.warns(UserWarning, match="degree 31"):
        f(draw(1, 32**2).float(), draw(1, 1).float())
    f.double()(draw(1, 32**2), draw(1, 1))
    g = GauntProduct(61, 0, 0)
    with pytest.raises(DtypeError, match="float64 above degree 60"):
        g(draw(1, 62**2).float(), draw(1, 1).float())
    assert g.double()(draw(1, 62**2), draw(1, 1)).isfinite().all()


def reached(**settings: Any) -> int:
    return expressivity(GauntProduct(2, 2, 2, channels=2, **settings)).dimension


def test_how_much_each_product_can_express() -> None:
    """Eleven even and four odd paths at L = 2: what the weights reach of them."""
    assert [reached(), reached(weights="degree")] == [1, 7]
    assert expressivity(PoissonProduct(2, 2, 2, channels=2, weights="degree")).odd == 4
    both = expressivity(GauntProduct(2, 2, 2, channels=2, weights="degree", include_odd=True))
    assert (both.dimension, both.even, both.odd, both.paths) == (7 + 4, 11, 4, 15)
    complete = expressivity(CompleteProduct(1, 1, 1, channels=1, weights="degree"))
    assert (complete.even, complete.odd) == (16, 4)


def test_w3_in_common_does_not_reach_every_path_and_its_own_does() -> None:
    """Contrary to specification 05 §2.6: M[l1, l2] w3[l3] has 10 dimensions at most where there are 11 paths."""
    assert [reached(weights="rank", rank=R) for R in (2, 4, 8)] == [10, 10, 10]
    assert reached(weights="rank", rank=2, shared=False) == 11
