"""Who takes part in ``tensor_products.py``: our methods and the peers, each building one product of one size."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from isotropy.experiments.peers import by_channels, by_irreps, even_paths, natural_irreps, same_function
from isotropy.nn import GauntProduct, gaunt_tensor

Run = Callable[[Tensor, Tensor], Tensor]
Map = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Case:
    """A product of two features of degrees 0..L for ``rows`` pairs, to degree 2L, or to L where ``truncated``."""

    L: int
    rows: int
    truncated: bool = False

    @property
    def L3(self) -> int:
        return self.L if self.truncated else 2 * self.L

    @property
    def sizes(self) -> tuple[int, int]:
        """How many coefficients go in and come out."""
        return (self.L + 1) ** 2, (self.L3 + 1) ** 2


@dataclass(frozen=True)
class Built:
    """A product in its own layout; ``restore`` gives (rows, k3) in ours, None for a product of other outputs."""

    run: Run
    arrange: Map = torch.clone
    restore: Map | None = torch.clone


@dataclass(frozen=True)
class Contender:
    """One way to compute the product; ``builds`` are its layouts, of which the fastest counts.

    ``numbers`` estimates how many numbers forward and backward hold at once.
    """

    builds: Callable[[Case, str], list[Callable[[], Built]]]
    numbers: Callable[[Case], float]


def ours(method: str, case: Case, device: str, compiled: bool = False) -> Built:
    product = GauntProduct(case.L, case.L, case.L3, method=method).to(device)  # type: ignore[arg-type]
    return Built(torch.compile(product, dynamic=False) if compiled else product)


def dense_einsum(case: Case, device: str, compiled: bool = False) -> Built:
    G = gaunt_tensor(case.L, case.L, case.L3, torch.float32).to(device)

    def run(x: Tensor, y: Tensor) -> Tensor:
        return torch.einsum("ri,rj,ijk->rk", x, y, G)

    return Built(torch.compile(run, dynamic=False) if compiled else run)


def channels(case: Case) -> list[int]:
    """Rows as batches of 32 with channels, and rows alone: the layouts among which a peer has the choice."""
    return sorted({1, max(case.rows // 32, 1)})


def e3nn_same(case: Case, device: str, count: int) -> Built:
    """e3nn's TensorProduct 'uuu' with all even paths weighted by g^2, of which it takes the root: the same function."""
    return Built(
        same_function(case.L, case.L, case.L3, count).to(device),
        lambda x: by_irreps(x.unflatten(0, (-1, count))),
        lambda z: by_channels(z, case.L3).flatten(0, 1),
    )


def e3nn_full(case: Case, device: str) -> Built:
    """e3nn's FullTensorProduct: all paths, kept apart, which is more than the product of two functions."""
    from e3nn import o3

    one = o3.Irreps(natural_irreps(case.L, 1))
    kept = [o3.Irrep(l, p) for l in range(case.L3 + 1) for p in (1, -1)]
    return Built(o3.FullTensorProduct(one, one, kept).to(device), restore=None)


def cuequivariance_same(case: Case, device: str, count: int) -> Built:
    """cuequivariance-torch with the Gaunt coefficients as its paths; on the CPU it has its own fallback only."""
    import cuequivariance as cue
    import cuequivariance_torch as cuet

    product = cue.SegmentedTensorProduct.from_subscripts("iu,ju,ku+ijk")
    for operand, L in enumerate((case.L, case.L, case.L3)):
        for l in range(L + 1):
            product.add_segment(operand, (2 * l + 1, count))
    G = gaunt_tensor(case.L, case.L, case.L3).numpy()
    for path in even_paths(case.L, case.L, case.L3):
        one, two, three = (slice(l * l, (l + 1) ** 2) for l in path)
        product.add_path(*path, c=G[one, two, three])
    if device != "cpu":
        product = product.flatten_coefficient_modes()  # what its kernels take
    polynomial = cue.SegmentedPolynomial.eval_last_operand(product)
    f = cuet.SegmentedPolynomial(polynomial, method="naive" if device == "cpu" else "uniform_1d").to(device)
    k3 = case.sizes[1]
    return Built(
        lambda x, y: f([x, y])[0],
        lambda x: x.reshape(len(x) // count, count, -1).transpose(1, 2).flatten(1),
        lambda z: z.reshape(len(z), k3, count).transpose(1, 2).reshape(-1, k3),
    )


def one_layout(build: Callable[[Case, str], Built]) -> Callable[[Case, str], list[Callable[[], Built]]]:
    return lambda case, device: [partial(build, case, device)]


def each_layout(build: Callable[[Case, str, int], Built]) -> Callable[[Case, str], list[Callable[[], Built]]]:
    return lambda case, device: [partial(build, case, device, count) for count in channels(case)]


def _points(case: Case) -> float:
    """Numbers of the values on the grid: six arrays at once, and what goes in and out."""
    degree = 2 * case.L + case.L3
    return case.rows * (6.0 * (degree // 2 + 1) * (degree + 1) + 4 * sum(case.sizes))


def _pairs(case: Case) -> float:
    k, k3 = case.sizes
    return 3.0 * case.rows * k * k + 4.0 * k * k * k3


METHODS = ("dense", "grid", "grid_separable", "fourier")
AUTO = "auto"
SAME, FULL, CUE, EINSUM = "e3nn, same function", "e3nn, all paths", "cuEquivariance", "einsum"


def contenders(compiled: bool = False, only_ours: bool = False) -> tuple[dict[str, Contender], list[str]]:
    """All that take part by name, and what is absent from this environment, in words."""
    warnings.filterwarnings("ignore", module=r"(e3nn|torch\.jit|cuequivariance).*")
    warnings.filterwarnings("ignore", message=".*(torch.jit|TorchScript).*")
    if compiled:
        # All methods are one class: its code is compiled for each of them, with and without gradients.
        torch._dynamo.config.recompile_limit = 64
    found = {
        method: Contender(
            one_layout(partial(ours, method, compiled=compiled)),
            {"dense": _pairs, "fourier": lambda case: 4.0 * _points(case)}.get(method, _points),
        )
        for method in (AUTO, *METHODS)
    }
    if only_ours:
        return found, []
    # Whichever order einsum takes, one of the inputs meets the whole tensor.
    found[EINSUM] = Contender(
        one_layout(partial(dense_einsum, compiled=compiled)),
        lambda case: 3.0 * case.rows * math.prod(case.sizes) + 4.0 * case.sizes[0] * math.prod(case.sizes),
    )
    absent: list[str] = []
    try:
        import e3nn

        assert e3nn
        found[SAME] = Contender(each_layout(e3nn_same), _points)
        found[FULL] = Contender(one_layout(e3nn_full), lambda case: 4.0 * case.rows * (case.L + 1) ** 4)
    except ImportError:
        absent.append("e3nn is not installed: its columns are missing")
    try:
        import cuequivariance_torch

        assert cuequivariance_torch
        found[CUE] = Contender(each_layout(cuequivariance_same), _points)
    except ImportError:
        absent.append(
            "cuEquivariance is not installed, its column is missing: "
            "pip install -c constraints.txt cuequivariance cuequivariance-torch"
        )
    return found, absent
