"""How long products take, ours and those of peers: the paper's Figure 1, with its clock mended (§4.1)."""

import statistics
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from e3nn import o3
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.utils.benchmark import Timer

from isotropy.errors import NonDeterministicError, one_of
from isotropy.experiments.gaunt._config import EfficiencyPlan
from isotropy.experiments.gaunt._steps import clock
from isotropy.experiments.peers import (
    CouplingConvolution,
    CouplingPower,
    by_channels,
    by_irreps,
    natural_irreps,
    same_function,
    symmetric_couplings,
)
from isotropy.nn import GauntConvolution, GauntPower, GauntProduct, SO2Convolution, gaunt_coefficient, gaunt_tensor
from isotropy.random import spawn
from isotropy.reps import degrees, spherical_harmonics
from isotropy.runs import Run
from isotropy.study import job

GAUNT, SAME, ALL, E3NN = "Gaunt", "e3nn, same function", "e3nn, all paths", "e3nn"
ESCN, CONTRACTION = "eSCN", "MACE contraction"
ORDER, L_OUT, KINDS = 3, 1, 4  # factors, highest degree of the output, and kinds of atoms of the many-body product
_AGREE = 1e-4  # of the largest number, in single precision
_WARM = 3  # calls: TorchScript, which e3nn uses, looks at the first and compiles in the second


@dataclass(frozen=True)
class Way:
    """One way to compute an operation, ``run(*given)``, in a layout of its own.

    ``restore`` brings the result to (rows, channels, k); it is None where the function is another one.
    """

    run: Callable[..., Tensor]
    given: tuple[Tensor, ...]
    restore: Callable[[Tensor], Tensor] | None = torch.clone
    parameters: tuple[Tensor, ...] = ()


@job
def efficiency_job(
    run: Run, *, seed: int, operation: str, L: int, plan: EfficiencyPlan
) -> Mapping[str, Mapping[str, float]]:
    """Milliseconds of one ``operation`` on features of degrees 0..L, by each method that the plan runs at that L.

    "interaction" has outputs of degrees 0..2L, "convolution" a filter and outputs of degrees 0..L, "many-body" powers
    up to the third and outputs of degrees 0..1. ``milliseconds`` are of the forward pass, ``backward`` of that and the
    gradients of all inputs and weights. Nothing is built, nor brought to a method's layout, while the clock runs.
    Methods of one function first have to agree. Source: Luo, Chen, Krishnapriyan, ICLR 2024, figure 1.

    Raises DomainError for another operation, NonDeterministicError where methods differ.
    """
    one_of("operation", operation, OPERATIONS)
    ways = dict(OPERATIONS[operation](L, plan, seed))
    check_agreement(ways)
    forward, backward = timed(ways, plan)
    return {"milliseconds": forward, "backward": backward}


def interaction_ways(L: int, settings: EfficiencyPlan, seed: int) -> Iterator[tuple[str, Way]]:
    """The product of two features. "all paths" keeps all products of degrees apart, which is more than one function."""
    sizes = (settings.batch, settings.channels, (L + 1) ** 2)
    x, y = (_drawn(settings, seed, "interaction", L, name, sizes=sizes) for name in ("x", "y"))
    yield GAUNT, Way(GauntProduct(L, L).to(settings.device), (x, y))
    if settings.same_up_to >= L:
        product = same_function(L, L, 2 * L, settings.channels).to(settings.device)
        yield SAME, Way(product, (by_irreps(x), by_irreps(y)), lambda z: by_channels(z, 2 * L))
    if settings.all_paths_up_to >= L:
        one: Any = o3.Irreps(natural_irreps(L, 1))
        product = o3.FullTensorProduct(one, one).to(settings.device)
        yield ALL, Way(product, (x.flatten(0, 1), y.flatten(0, 1)), None)


def convolution_ways(L: int, settings: EfficiencyPlan, seed: int) -> Iterator[tuple[str, Way]]:
    """Features times a filter along edges. "eSCN" mixes channels and has weights for all paths, which is more."""
    E, C = settings.edges, settings.channels
    sizes = {"x": (E, C, (L + 1) ** 2), "r": (E, 3), "h": (E, C, L + 1)}
    given = x, r, h = tuple(_drawn(settings, seed, "convolution", L, name, sizes=size) for name, size in sizes.items())
    for form in ("zonal", "aligned", "matrix"):
        yield f"{GAUNT}, {form}", Way(GauntConvolution(L, L, L, form).to(settings.device), given)
    if settings.escn_up_to >= L:
        layer = SO2Convolution(L, L, C, C, generator=spawn(seed, "eSCN", L)).to(settings.device)
        yield ESCN, Way(layer, given, None, tuple(layer.parameters()))
    if settings.convolution_up_to >= L:
        coupling = CouplingConvolution(L, L, L, C).to(settings.device)

        def product(x: Tensor, r: Tensor, w: Tensor) -> Tensor:
            return coupling.product(x, spherical_harmonics(L, r) * coupling.scale, w)

        yield E3NN, Way(product, (by_irreps(x), r, _path_weights(coupling, h)), lambda z: by_channels(z, L))


def power_ways(L: int, settings: EfficiencyPlan, seed: int) -> Iterator[tuple[str, Way]]:
    """The first three powers of a feature, each weighted by kind of atom, channel and degree.

    The contraction of MACE, which has a weight for every coupling, is given those that make it the same function.
    """
    N, C = settings.atoms, settings.channels
    A = _drawn(settings, seed, "many-body", L, "A", sizes=(N, C, (L + 1) ** 2))
    kinds = torch.randint(KINDS, (N,), generator=spawn(seed, "many-body", L, "kinds")).to(settings.device)
    drawn = spawn(seed, "many-body", L, "weights")
    power = GauntPower(L, L_OUT, ORDER, KINDS, channels=C, generator=drawn).to(settings.device)
    yield GAUNT, Way(power, (A, kinds), parameters=tuple(power.parameters()))
    if settings.contraction_up_to >= L:
        contraction = _as_contraction(power).to(settings.device)
        yield CONTRACTION, Way(contraction, (A, kinds), parameters=tuple(contraction.parameters()))
    if settings.powers_up_to >= L:
        products = ProductsInARow(L, settings, power.w.detach())
        given, weights = (by_irreps(A), kinds), tuple(products.parameters())
        yield E3NN, Way(products, given, lambda z: by_channels(z, L_OUT), weights)


OPERATIONS: Mapping[str, Callable[[int, EfficiencyPlan, int], Iterator[tuple[str, Way]]]] = {
    "interaction": interaction_ways,
    "convolution": convolution_ways,
    "many-body": power_ways,
}


class ProductsInARow(nn.Module):
    """A, A^2 to degree 2L, and A^3 of it, by two of e3nn's products, each times weights: e3nn's layout in and out."""

    def __init__(self, L: int, settings: EfficiencyPlan, w: Float[Tensor, "order kinds c degrees"]) -> None:
        super().__init__()
        self.square: Any = same_function(L, L, 2 * L, settings.channels).to(settings.device)
        self.cube: Any = same_function(2 * L, L, L_OUT, settings.channels).to(settings.device)
        self.w = nn.Parameter(by_irreps(w.index_select(-1, degrees(L_OUT).to(w.device))))

    def forward(self, A: Float[Tensor, "rows n"], kinds: Int[Tensor, " rows"]) -> Float[Tensor, "rows m"]:
        squared = self.square(A, A)
        cubed = self.cube(squared, A)
        w = self.w.index_select(1, kinds)
        # Low degrees stand first in this layout.
        return w[0] * A[:, : w.shape[-1]] + w[1] * squared[:, : w.shape[-1]] + w[2] * cubed


def check_agreement(ways: Mapping[str, Way]) -> None:
    """Raise NonDeterministicError unless all methods of one function give the same numbers."""
    with torch.no_grad():
        found = {name: way.restore(way.run(*way.given)) for name, way in ways.items() if way.restore is not None}
    (first, one), *others = found.items()
    for name, other in others:
        error = ((other - one).abs().max() / one.abs().max()).item()
        if not error <= _AGREE:
            raise NonDeterministicError(f"{name!r} off by {error:.1e} of {first!r}", f"at most {_AGREE:g}")


def timed(ways: Mapping[str, Way], settings: EfficiencyPlan) -> tuple[dict[str, float], dict[str, float]]:
    """Milliseconds of each method, forward, then with gradients: a median over rounds in which all take turns."""
    timers: dict[tuple[str, bool], Timer] = {}
    for name, way in ways.items():
        for backward in (False, True):
            call = _call(way, backward)
            for _ in range(_WARM):
                call()
            timers[name, backward] = Timer(
                "call()", timer=clock(settings.device), globals={"call": call}, num_threads=1
            )
    seen: dict[tuple[str, bool], list[float]] = {key: [] for key in timers}
    for _ in range(settings.rounds):
        for key, one in timers.items():
            seen[key].append(1e3 * one.blocked_autorange(min_run_time=float(settings.least)).median)
    forward, both = ({name: statistics.median(seen[name, backward]) for name in ways} for backward in (False, True))
    return forward, both


def _call(way: Way, backward: bool) -> Callable[[], object]:
    if not backward:

        def forward() -> Tensor:
            with torch.no_grad():
                return way.run(*way.given)

        return forward
    given = [z.detach().clone() for z in way.given]
    inputs = [z.requires_grad_() for z in given if z.is_floating_point()] + list(way.parameters)
    with torch.no_grad():
        slope = torch.ones_like(way.run(*given))

    def both() -> tuple[Tensor, ...]:
        return torch.autograd.grad(way.run(*given), inputs, slope)

    return both


def _drawn(settings: EfficiencyPlan, seed: int, *keys: object, sizes: tuple[int, ...]) -> Tensor:
    # Drawn on the processor: the same numbers on all devices.
    return torch.randn(sizes, generator=spawn(seed, *keys)).to(settings.device)


def _path_weights(coupling: CouplingConvolution, h: Float[Tensor, "E C degrees"]) -> Float[Tensor, "E pC"]:
    """The weights of paths with which e3nn's product is that with the function sum_l h_l Y_l."""
    instructions = cast(list[Any], coupling.product.instructions)  # in the order of the paths
    factors = [
        gaunt_coefficient(*path) / (instruction.path_weight * coupling.scale[path[1] ** 2].item())
        for path, instruction in zip(coupling.paths, instructions, strict=True)
    ]
    by_path = h[..., [l2 for _, l2, _ in coupling.paths]] * h.new_tensor(factors)
    return by_path.mT.flatten(1)


def _as_contraction(power: GauntPower) -> CouplingPower:
    """MACE's contraction with the weights that make it ``power``, found by projection on its orthogonal couplings."""
    L, w = power.L, power.w.detach().cpu()
    layer = CouplingPower(L, L_OUT, ORDER, KINDS, power.channels, spawn(0, "replaced below"))
    square = gaunt_tensor(L, L, 2 * L)
    tensors = [
        torch.eye((L + 1) ** 2, dtype=torch.float64)[:, : (L_OUT + 1) ** 2],
        square[..., : (L_OUT + 1) ** 2],
        torch.einsum("ija,akm->ijkm", square, gaunt_tensor(2 * L, L, L_OUT)),
    ]
    for nu, T in enumerate(tensors, 1):
        for l in range(L_OUT + 1):
            U = symmetric_couplings(L, nu, l)
            found = T[..., l * l : (l + 1) ** 2].movedim(-1, 0).flatten() @ U.flatten(0, -2) / (2 * l + 1)
            weights = cast(nn.Parameter, layer.w[f"{nu}_{l}"])
            with torch.no_grad():  # the layer divides by the root of the number of its couplings
                weights.copy_(w[nu - 1, :, None, :, l] * (found * len(found) ** 0.5)[:, None])
    return layer
