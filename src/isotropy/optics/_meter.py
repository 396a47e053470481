"""How much memory a piece of work holds in tensors, at most."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

# ``torch.tensor`` fills memory on its own and shows the result to one operation only, as an argument.
_BIRTHS = {torch.ops.aten.lift_fresh.default, torch.ops.aten.lift_fresh_copy.default}


class Meter(TorchDispatchMode):
    """Adds every storage that an operation makes, and takes it off when it dies.

    A storage that was there before is no new one, whoever returns it (a view, an operation in place); what it grows by
    is. ``live`` is what counts now, ``peak`` the most that it was since ``restart``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.live = self.peak = 0
        self._base: dict[int, int] = {}  # bytes of each storage that are not ours
        self._counted: dict[int, int] = {}
        self._ends: dict[int, Any] = {}

    def restart(self) -> None:
        """From here on the peak is counted anew."""
        self.peak = self.live

    def count(self, value: object, *, ours: bool = True) -> None:
        """Notes the storage of a tensor; what it holds at first sight counts only if it is ``ours``."""
        for part in _strided(value):
            storage = part.untyped_storage()
            key, size = storage._cdata, storage.nbytes()
            if key not in self._base:
                self._base[key], self._counted[key] = (0 if ours else size), 0
                self._ends[key] = weakref.ref(storage, partial(self._forget, key))
            grown = max(0, size - self._base[key]) - self._counted[key]
            self._counted[key] += grown
            self.live += grown
            self.peak = max(self.peak, self.live)

    def meet(self, value: Tensor, *, ours: bool) -> None:
        """The same of what an operation is given: most of it is known, and grows in results only."""
        if value.layout != torch.strided or value.untyped_storage()._cdata not in self._base:
            self.count(value, ours=ours)

    def _forget(self, key: int, _: object) -> None:
        self.live -= self._counted.pop(key)
        del self._base[key], self._ends[key]

    def __exit__(self, *problem: Any) -> None:
        super().__exit__(*problem)
        self._ends.clear()  # nobody is told any more

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        born = func in _BIRTHS
        for part in _tensors(args):
            self.meet(part, ours=born)
        if kwargs:
            for part in _tensors(tuple(kwargs.values())):
                self.meet(part, ours=born)
        result = func(*args, **(kwargs or {}))
        for part in _tensors(result):
            self.count(part)
        return result


class StepMeter(Meter):
    """A meter that keeps the peak of each step of a run apart, by the number of the step that ``begins``.

    ``steps`` are of the one run that there was: none where there were several at a time, each of which calls ``run``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.runs = 0
        self._at: int | None = None
        self._peaks: dict[int, int] = {}
        self._highest = 0

    def run(self) -> None:
        self.runs += 1

    def begins(self, step: int) -> None:
        self._close()
        self._at = step
        self.restart()

    @property
    def highest(self) -> int:
        """The most bytes of all."""
        return max(self._highest, self.peak)

    def steps(self, count: int) -> tuple[float, ...]:
        """Bytes at most during each of ``count`` steps; one that nobody saw begin holds what the one before it did."""
        self._close()
        if self.runs != 1:
            return ()
        found: list[float] = []
        for step in range(count):
            found.append(float(self._peaks.get(step, found[-1] if found else 0.0)))
        return tuple(found)

    def _close(self) -> None:
        self._highest = max(self._highest, self.peak)
        if self._at is not None:
            self._peaks[self._at] = max(self._peaks.get(self._at, 0), self.peak)


def _tensors(value: Any) -> Iterator[Tensor]:
    """Those that an operation takes or gives: by themselves, or in lists and tuples."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _tensors(part)


def _strided(value: object) -> tuple[Tensor, ...]:
    """The tensors with a storage that a value consists of: itself, or the parts of a sparse one."""
    if not isinstance(value, Tensor):
        return ()
    if value.layout == torch.strided:
        return (value,)
    if value.layout == torch.sparse_coo:
        return value._indices(), value._values()
    if value.layout in (torch.sparse_csr, torch.sparse_bsr):
        return value.crow_indices(), value.col_indices(), value.values()
    if value.layout in (torch.sparse_csc, torch.sparse_bsc):
        return value.ccol_indices(), value.row_indices(), value.values()
    return ()


def measure_peak(
    work: Callable[[], object], held: Iterable[Tensor] = (), device: torch.device | str | None = None
) -> int:
    """The most bytes that tensors take during ``work()``: what it makes, and the tensors ``held`` before it.

    Counted are storages, each once, while they live: activations, what is kept for the backward pass, cotangents,
    gradients that had no place yet, the state of an optimiser. What was there before and is not ``held`` does not
    count, also where ``work`` looks at it or writes into it. Not seen are scratch space inside single operations,
    memory that numpy owns, and Python itself. On a CUDA ``device`` (by default that of the first tensor held) it is the
    allocator's figure instead, which sees the scratch space too and rounds each storage up.

    >>> import torch
    >>> measure_peak(lambda: torch.ones(1000, dtype=torch.float64) + 1)
    16000
    >>> x = torch.ones(1000, dtype=torch.float64)
    >>> measure_peak(lambda: x[:10].add_(1))
    0
    """
    held = list(held)
    place = torch.device(device) if device is not None else held[0].device if held else torch.device("cpu")
    meter = Meter()
    for tensor in held:
        meter.count(tensor)
    if place.type == "cuda":
        return meter.live + _allocated(work, place)
    del held
    with meter:
        work()
    return meter.peak


def pass_peak(loss: Callable[[], Tensor], parameters: Iterable[Tensor]) -> int:
    """The most bytes during the forward and backward pass of ``loss ()``; gradients find no place, and count."""
    for parameter in parameters:
        parameter.grad = None
    return measure_peak(lambda: loss().backward())


def _allocated(work: Callable[[], object], device: torch.device) -> int:
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    work()
    torch.cuda.synchronize(device)
    return torch.cuda.max_memory_allocated(device) - before
