"""Modules whose constants are exact in every dtype, cast anew from float64 when the module moves; and their types."""

from collections.abc import Callable, Sequence
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import torch
from torch import Tensor, nn

from isotropy.reps import Rep, Sphere

Given = ParamSpec("Given")
Table = TypeVar("Table")


def table(build: Callable[Given, Table]) -> Callable[Given, Table]:
    """Build a table of constants once: on the CPU, and usable later whatever mode asked for it first."""

    @lru_cache(maxsize=128)
    @wraps(build)
    def built(*args: Given.args, **kwargs: Given.kwargs) -> Table:
        with torch.device("cpu"), torch.inference_mode(False):
            return build(*args, **kwargs)

    return built  # pyright: ignore[reportReturnType]


class Constants(nn.Module):
    """A module with constants: buffers that are no part of its state, in torch's default dtype at first.

    ``module.to(torch.float64)`` rounds parameters that were single to begin with, but the constants are cast from
    float64 again: a module moved to double precision is as exact as one built in it.

    >>> module = Constants()
    >>> module.constant("third", torch.tensor(1 / 3, dtype=torch.float64))
    >>> module.get_buffer("third").item() == 1 / 3, module.double().get_buffer("third").item() == 1 / 3
    (False, True)
    """

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Tensor: ...  # what is no attribute is a constant

    def __init__(self) -> None:
        super().__init__()
        self._exact: dict[str, Tensor] = {}

    def constant(self, name: str, value: Tensor) -> None:
        """Register ``value`` (float64 or integers) as a buffer in the default dtype."""
        floating = value.is_floating_point()
        if floating:
            self._exact[name] = value
        # Tables are shared by all modules of one size, hence the copy.
        dtype = torch.get_default_dtype() if floating else value.dtype
        self.register_buffer(name, value.to(dtype, copy=True), persistent=False)

    def at_hand(self, name: str) -> Tensor:
        """A constant where overheads count: an attribute of a ``nn.Module`` takes a tenth of a small product."""
        if torch.compiler.is_compiling():
            return getattr(self, name)
        found: Any = self._buffers[name]
        return found

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "Constants":
        super()._apply(fn, recurse)
        for name, value in self._exact.items():
            moved = self.get_buffer(name)
            # The cast first: there are devices without float64.
            setattr(self, name, value.to(moved.dtype, copy=True).to(moved.device))
        return self


class Operation(Constants):
    """A public operation: it knows its dtype and device by ``one``, and keeps full precision under autocast.

    Half precision inside would lose equivariance (1e-2); who wants it moves the module: ``module.to(torch.bfloat16)``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.constant("one", torch.ones((), dtype=torch.float64))

    def precisely(self, f: Callable[..., Tensor], *given: Tensor | None) -> Tensor:
        """``f(*given)`` in the dtype of the module."""
        one = self.at_hand("one")
        device, dtype = one.device.type, one.dtype
        if not torch.is_autocast_enabled(device):
            return f(*given)
        cast = [x.to(dtype) if x is not None and x.is_floating_point() else x for x in given]
        with torch.autocast(device, enabled=False):
            return f(*cast)


def spheres(L: int, parities: Sequence[int] = (1,), channels: int = 1) -> Rep:
    """The type of ``channels`` functions of degrees 0..L on the sphere for each parity: proper ones (1) first.

    >>> print(spheres(2, (1, -1), 8))
    8*Sphere(2) + 8*Sphere(2, -1)
    """
    return sum((channels * Sphere(L, parity) for parity in parities), Rep())
